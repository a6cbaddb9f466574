// The stock Node client: says as JSON what it understood; test_openai_node.py judges.
import OpenAI from "openai";

const client = new OpenAI({ maxRetries: 0 });
const [model, url] = process.argv.slice(2);
const messages = [
  {
    role: "user",
    content: [
      { type: "text", text: "Which colour is this?" },
      { type: "image_url", image_url: { url } },
    ],
  },
];
const whole = await client.chat.completions.create({ model, messages });
const stream = await client.chat.completions.create({
  model,
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
let streamed = "";
let usage = null;
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  usage = chunk.usage ?? usage;
}
const models = [];
for await (const one of client.models.list()) models.push(one.id);
let refused = null;
try {
  await client.chat.completions.create({ model: "nobody", messages });
} catch (error) {
  refused = {
    name: error.constructor.name,
    status: error.status,
    code: error.code,
    param: error.param,
    request: error.requestID,
  };
}
const said = whole.choices[0].message.content;
console.log(JSON.stringify({ said, streamed, usage, whole: whole.usage, models, refused }));
