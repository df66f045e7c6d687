console.log('did not read');
