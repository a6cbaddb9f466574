// The helpers of the stock Node client: says as JSON what came; test_openai_node.py judges.
import OpenAI from "openai";
import { standardFunction, standardResponseFormat } from "openai/helpers/standard-schema";

const client = new OpenAI({ maxRetries: 0 });
const [model, url] = process.argv.slice(2);
const messages = [{ role: "user", content: "The boat is named 'Lotte', 12 m long." }];
const schema = {
  type: "object",
  properties: { name: { type: "string" }, length_m: { type: "integer" } },
  required: ["name", "length_m"],
  additionalProperties: false,
};
const boat = {
  "~standard": {
    version: 1,
    vendor: "visus-tests",
    validate: (value) => ({ value }),
    jsonSchema: { input: () => schema, output: () => schema },
  },
};
const launched = [];
const launch = standardFunction({
  name: "launch",
  description: "Launches a boat.",
  parameters: boat,
  function: (given) => {
    launched.push(given);
    return "Launched.";
  },
});

const format = standardResponseFormat(boat, "boat");
const parsed = await client.chat.completions.parse({ model, messages, response_format: format });

const runner = client.chat.completions.runTools({ model, messages, tools: [launch] });
const ran = await runner.finalContent();
const streaming = client.chat.completions.runTools({ model, messages, tools: [launch], stream: true });
let deltas = 0;
streaming.on("content.delta", () => (deltas += 1));
const streamed = await streaming.finalContent();

const events = [];
const stream = client.chat.completions.stream({
  model,
  messages,
  response_format: format,
  stream_options: { include_usage: true },
});
for (const name of ["connect", "content.delta", "content.done", "end"]) {
  stream.on(name, () => events.at(-1) !== name && events.push(name));
}
const final = await stream.finalChatCompletion();

const calls = client.chat.completions.stream({ model, messages, tools: [launch] });
const call = await calls.finalFunctionToolCall();

const { data, response, request_id } = await client.chat.completions
  .create({
    model,
    messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
    visus: { report: true },
  })
  .withResponse();
const raw = await client.chat.completions.create({ model, messages, stream: true }).asResponse();
const whole = await raw.text();

console.log(
  JSON.stringify({
    parsed: parsed.choices[0].message.parsed,
    ran,
    streamed,
    deltas,
    launched,
    events,
    final: final.choices[0].message.parsed,
    usage: final.usage?.total_tokens ?? 0,
    call,
    report: data.visus.parts[0].path,
    same_request: response.headers.get("x-request-id") === request_id,
    raw: [raw.headers.get("content-type"), whole.endsWith("data: [DONE]\n\n")],
  }),
);
