const helper = require('./helper');
const { deep } = require('./lib');
console.log(helper.name, deep, require('./data.json'), Object.keys(require.cache), module.children.length);
console.log(require('dependency'), module.children[0].parent === module);
require('./cycle-a');
helper.fail();
