process.report.excludeNetwork = true;
const report = process.report.getReport();
console.log(Object.keys(report), Object.keys(report.header));
const { header } = report;
console.log(header.reportVersion, header.event, header.trigger, header.filename, header.processId === process.pid, header.threadId, header.cwd, header.commandLine, header.wordSize, header.arch, header.release);
console.log(report.libuv.map(({ type, is_active, is_referenced, fd, details, signum, repeat }) => [type, is_active, is_referenced, repeat]), report.workers);
console.log(Object.keys(report.resourceUsage), Object.keys(report.userLimits), report.sharedObjects.length > 5);
console.log(report.environmentVariables.USER === process.env.USER, report.javascriptHeap && Object.keys(report.javascriptHeap), report.javascriptStack.message);
console.log(process.report.directory, process.report.filename, process.report.reportOnSignal, process.report.signal);
