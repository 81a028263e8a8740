// Reads one visit a line and sends it: a page, a track and an identify call. Run as: rudder.mjs COLLECTOR KEY
import { createRequire } from "node:module"
import { createInterface } from "node:readline"

const [collector, key] = process.argv.slice(2)
const Analytics = createRequire(`${process.cwd()}/`)("@rudderstack/rudder-sdk-node")
const analytics = new Analytics(key, { dataPlaneUrl: collector })

for await (const line of createInterface({ input: process.stdin })) {
  const { userId, anonymousId, context, properties, traits } = JSON.parse(line)
  const who = { userId, anonymousId }
  analytics.page({ ...who, context, properties: { ...properties, ...context.page } })
  analytics.track({ ...who, context, event: "Article Read", properties })
  analytics.identify({ ...who, context, traits })
  await analytics.flush()
}
