import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import type Docker from 'dockerode'
import { NODE } from './containers.ts'

/** What a guest's machine is asked to send. */
export interface GuestAsk {
  url: string
  method?: string
  headers?: Record<string, string>
  body?: string
  /** The certificate it trusts; without one it takes any, as somebody does who clicks a warning away. */
  ca?: string
  /** Asks for a WebSocket. */
  upgrade?: true
}

export interface GuestAnswer {
  /** 0: no connection, or one that was refused. */
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  error?: string
}

/** Sends what it was given, one after the other, and prints one answer a line; a WebSocket, its end too. */
const PROGRAM = `
const http = require('node:http'), https = require('node:https')
const { asks, hold } = JSON.parse(process.argv[1])
const say = (line) => process.stdout.write(JSON.stringify(line) + '\\n')
const ask = ({ url, method = 'GET', headers = {}, body, ca, upgrade }) => new Promise((resolve) => {
  const secure = url.startsWith('https:')
  const sent = (secure ? https : http).request(url, {
    agent: false, method, timeout: 15000, ...(ca ? { ca } : { rejectUnauthorized: false }),
    headers: { ...headers, ...(upgrade && { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }) },
  })
  sent.on('response', (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
    answer.on('error', () => undefined)
    answer.on('close', () => resolve({ status: answer.statusCode, headers: answer.headers, body: text }))
  })
  sent.on('upgrade', (answer, socket) => {
    socket.on('error', () => undefined).resume()
    if (!hold) socket.destroy()
    else socket.on('close', () => say({ closed: true }))
    resolve({ status: 101, headers: answer.headers, body: '' })
  })
  sent.on('timeout', () => sent.destroy(new Error('timeout')))
  sent.on('error', (error) => resolve({ status: 0, headers: {}, body: '', error: error.code ?? error.message }))
  sent.end(body)
})
void (async () => { for (const one of asks) say(await ask(one)) })()
`

export type GuestMachine = Awaited<ReturnType<typeof startGuestMachine>>

/** A machine of its own on a local network: a container, in its own network namespace, on the Docker network `network`. */
export async function startGuestMachine(
  docker: Docker,
  { image, network, labels }: { image: string; network: string; labels: Record<string, string> },
) {
  const container = await docker.createContainer({
    Image: image,
    Labels: labels,
    Entrypoint: ['sleep', 'infinity'],
    HostConfig: { NetworkMode: network, Init: true, CapDrop: ['ALL'] },
  })
  await container.start()

  async function run(asks: GuestAsk[], hold: boolean): Promise<{ out: PassThrough; err: Promise<string> }> {
    const call = await container.exec({
      Cmd: ['sh', '-c', `exec ${NODE} -e "$0" "$1"`, PROGRAM, JSON.stringify({ asks, hold })],
      AttachStdout: true,
      AttachStderr: true,
    })
    const [out, err] = [new PassThrough(), new PassThrough()]
    const stream = await call.start({ hijack: true, stdin: false })
    docker.modem.demuxStream(stream, out, err)
    stream.on('close', () => {
      out.end()
      err.end()
    })
    return { out, err: text(err) }
  }

  return {
    /** Sends these one after the other. */
    async ask(...asks: GuestAsk[]): Promise<GuestAnswer[]> {
      const { out, err } = await run(asks, false)
      const lines = (await text(out)).split('\n').filter(Boolean)
      if (lines.length !== asks.length) throw new Error(`the guest's machine failed: ${await err}`)
      return lines.map((line) => JSON.parse(line) as GuestAnswer)
    },

    /** Opens WebSockets and keeps them; `closed` counts those that have ended. */
    async hold(...asks: GuestAsk[]): Promise<{ statuses: number[]; closed: () => number }> {
      const { out } = await run(asks, true)
      const statuses: number[] = []
      let closed = 0
      await new Promise<void>((resolve) => {
        createInterface(out)
          .on('line', (line) => {
            const said = JSON.parse(line) as Partial<GuestAnswer> & { closed?: true }
            if (said.closed) closed++
            else if (statuses.push(said.status ?? 0) === asks.length) resolve()
          })
          .on('close', resolve)
      })
      return { statuses, closed: () => closed }
    },

    remove: () => container.remove({ force: true }),
  }
}

/** A local network of two machines and this one, which has `address` on it. */
export async function createNetwork(
  docker: Docker,
  { name, labels }: { name: string; labels: Record<string, string> },
): Promise<{ address: string; remove: () => Promise<void> }> {
  const network = await docker.createNetwork({ Name: name, Labels: labels, Driver: 'bridge' })
  const { IPAM } = await network.inspect()
  const address = IPAM?.Config?.[0]?.['Gateway']
  if (address === undefined) throw new Error(`the network ${name} has no address of this machine`)
  return { address, remove: () => network.remove() }
}
