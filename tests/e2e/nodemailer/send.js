// A pool of connections, mails at once with a picture, as a gateway of cameras does.
// usage: node send.js {"host", "port", "secure", "user", "pass", "ca", "prefix", "count"}
'use strict';
const fs = require('fs');
const nodemailer = require('nodemailer');

const wish = JSON.parse(process.argv[2]);
const pool = nodemailer.createTransport({
  host: wish.host, port: wish.port, secure: wish.secure, requireTLS: !wish.secure, pool: true,
  auth: { user: wish.user, pass: wish.pass, }, authMethod: wish.method,
  tls: { ca: fs.readFileSync(wish.ca), servername: 'edge.internal' },
});
const mail = number => pool.sendMail({
  from: 'cam1@edge.internal', to: 'alarm@edge.internal', subject: `Tür ${number}`,
  text: 'Tür offen', headers: { 'X-Test-Id': `${wish.prefix}-${number}` },
  attachments: [{ filename: 'a.jpg', content: Buffer.alloc(100000, number) }],
});
Promise.all(Array.from({ length: wish.count }, (_, number) => mail(number)))
  .then(answers => answers.forEach(answer => console.log(answer.response)))
  .catch(error => { console.error(error); process.exitCode = 1; })
  .finally(() => pool.close());
