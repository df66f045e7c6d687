exports.deep = require('path').basename(require('../helper').name);
