// socket.io by itself: answers pings, and sends each socket so many stamped frames a second until it goes away.
// node sockets.js PORT
const { createServer } = require('node:http');
const express = require('express');
const { Server } = require('socket.io');

const app = express();
app.get('/', (_request, response) => response.send('ok'));
const server = createServer(app);
const now = () => process.hrtime.bigint();

new Server(server).on('connection', (socket) => {
  socket.on('ping', (text) => socket.emit('ping', text));
  socket.on('go', (rate) => {
    const step = 1_000_000_000n / BigInt(rate);
    let due = now() + BigInt(Math.floor(Math.random() * Number(step)));
    const tick = () => {
      if (!socket.connected) return;
      for (; due <= now(); due += step) {
        socket.emit('token', { conv: '0192b7c2-0000-7000-8000-000000000000', turn: '0192b7c2-0000-7000-8000-000000000001',
          attempt: 1, off: 0, text: `T${due}` });
      }
      setTimeout(tick, Number(due - now()) / 1e6);
    };
    setTimeout(tick, Number(due - now()) / 1e6);
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', 2048, () => console.log('listening'));
