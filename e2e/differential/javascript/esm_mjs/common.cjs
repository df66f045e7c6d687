exports.main = require.main;
