// POSTs a body with Node's fetch; prints status and reply.
const [url, key, body] = process.argv.slice(2)
const headers = { 'X-Api-Key': key, 'Content-Type': 'application/json' }
const reply = await fetch(url, { method: 'POST', headers, body })
console.log(reply.status, await reply.text())
