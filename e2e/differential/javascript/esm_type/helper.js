export default 'the helper of ' + new URL(import.meta.url).pathname;
