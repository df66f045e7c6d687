const report = process.report.getReport();
console.log(report.header.nodejsVersion, Object.keys(report.environmentVariables).length, report.javascriptStack.stack.length);
