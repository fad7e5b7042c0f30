// The old application's clean-up script: one updateOne for each null or missing sessionId.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';

const { MongoClient } = createRequire(process.env.NODE_MODULES_OF + '/')('mongodb');
const client = await MongoClient.connect(process.env.MONGODB_URI);
const conversations = client.db(process.env.MONGODB_DB).collection('conversations');
const started = Date.now();
for (const { _id } of await conversations.find({ $or: [{ sessionId: null }, { sessionId: { $exists: false } }] }).toArray()) {
  await conversations.updateOne({ _id }, { $set: { sessionId: randomUUID(), updatedAt: new Date() } });
}
console.log((Date.now() - started) / 1000);
await client.close();
