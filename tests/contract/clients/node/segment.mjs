// Reads one visit a line and sends it: a page, a track and an identify call. Run as: segment.mjs COLLECTOR KEY
import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const [collector, key] = process.argv.slice(2)
const { Analytics } = createRequire(`${process.cwd()}/`)("@segment/analytics-node")
const analytics = new Analytics({ writeKey: key, host: collector })

for await (const line of createInterface({ input: process.stdin })) {
  const { userId, anonymousId, context, properties, traits } = JSON.parse(line)
  const who = { userId, anonymousId, context }
  analytics.page({ ...who, properties: { ...properties, ...context.page } })
  analytics.track({ ...who, event: "Article Read", properties })
  analytics.identify({ ...who, traits })
  await analytics.flush()
}
await analytics.closeAndFlush()
