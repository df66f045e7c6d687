import('fs').then(({ default: fs, readFileSync }) => console.log(fs.readFileSync === readFileSync, Object.keys(require.cache)));
import('./nothing.mjs').catch((error) => console.log(error.code, error.message));
import('data:text/javascript,export default 7').then((module) => console.log(module.default));
