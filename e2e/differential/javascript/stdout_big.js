for (let number = 0; number < 20000; number++) console.log(number, 'x'.repeat(20));
process.stdout.write('y'.repeat(500000) + '\n', () => console.error('flushed'));
