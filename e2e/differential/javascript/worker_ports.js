const { Worker, MessageChannel, receiveMessageOnPort, BroadcastChannel, setEnvironmentData } = require('worker_threads');
setEnvironmentData('shared', { a: 1 });
const { port1, port2 } = new MessageChannel();
port1.postMessage({ map: new Map([[1, new Set([2n])]]), error: new TypeError('sent'), buffer: new Uint8Array([1, 2]) });
console.log(receiveMessageOnPort(port2), receiveMessageOnPort(port2));
const channel = new BroadcastChannel('all');
channel.onmessage = ({ data }) => { console.log('all', data); channel.close(); };
const worker = new Worker(`const { parentPort, BroadcastChannel, getEnvironmentData, threadId } = require('worker_threads');
parentPort.once('message', ({ port, buffer }) => {
  port.postMessage([getEnvironmentData('shared'), threadId, buffer.byteLength, process.pid === ${process.pid}, process.title, process.env.USER === ${JSON.stringify(process.env.USER)}]);
  port.close();
  const all = new BroadcastChannel('all');
  all.postMessage('hello'); all.close();
})`, { eval: true, stdout: true, name: 'named', trackUnmanagedFds: true });
const buffer = new ArrayBuffer(8);
worker.postMessage({ port: port1, buffer }, [port1, buffer]);
console.log(buffer.byteLength);
port2.on('message', (message) => console.log(message)).on('close', () => console.log('closed'));
