exports.name = __filename;
exports.fail = () => {
  throw new Error('from the helper');
};
