function fail() {
  null.property;
}
console.log('before');
fail();
