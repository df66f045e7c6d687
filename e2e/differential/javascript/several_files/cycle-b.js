exports.b = require('./cycle-a').a + 1;
