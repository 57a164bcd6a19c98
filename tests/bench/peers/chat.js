// A chat with express, socket.io and better-sqlite3, as short as it can be: store the question, read the last ten messages,
// stream fifty tokens, store the answer. No identity, no session, no lease, no ledger, no other process.
// node chat.js PORT FILE [normal|full]
const { createServer } = require('node:http');
const Database = require('better-sqlite3');
const express = require('express');
const { Server } = require('socket.io');

const [port, file, synchronous = 'normal'] = process.argv.slice(2);
const db = new Database(file);
db.pragma('journal_mode = wal');
db.pragma(`synchronous = ${synchronous}`);
db.exec(`create table message (
  id integer primary key, conversation integer not null, author text not null, body text not null, created_at real not null
); create index message_conversation on message (conversation, id)`);
const insert = db.prepare('insert into message (conversation, author, body, created_at) values (?, ?, ?, ?)');
const lastTen = db.prepare('select author, body, created_at from message where conversation = ? order by id desc limit 10');
const tokens = Array.from({ length: 50 }, (_, number) => `tok${number} `);

const app = express();
app.get('/', (_request, response) => response.send('ok'));
const server = createServer(app);
let conversations = 0;

new Server(server).on('connection', (socket) => {
  const conversation = ++conversations;
  socket.on('msg', (text) => {
    insert.run(conversation, 'customer', text, Date.now() / 1000);
    lastTen.all(conversation);
    let answer = '';
    for (const token of tokens) {
      socket.emit('token', { text: token });
      answer += token;
    }
    const { lastInsertRowid } = insert.run(conversation, 'ai', answer, Date.now() / 1000);
    socket.emit('done', { id: lastInsertRowid });
  });
});
server.listen(Number(port), '127.0.0.1', 2048, () => console.log('listening'));
