process.stdout.write('y'.repeat(50000) + '\n');
process.exit(2);
