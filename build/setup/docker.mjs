import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages, isDebian, isRoot } from './debian.mjs'
import { connect } from './engine.mjs'
import { tilde } from './paths.mjs'
import { ask, causeIn, logFile, run } from './processes.mjs'
import { SetupError, step } from './step.mjs'

/** @typedef {import('./engine.mjs').Engine} Engine */

/**
 * A Docker Engine that answers: one that is there, or, as root on Linux, one that is installed and started.
 * @returns {Promise<Engine>}
 */
export async function ensureDocker() {
  const chosen = process.env.DOCKER_HOST
  const hosts = chosen ? [chosen] : likelyHosts()
  const found = await reachable(hosts)
  if ('ping' in found) return found
  if (chosen)
    throw new SetupError('Docker does not answer', {
      why: `DOCKER_HOST is ${chosen}: ${found.errors[0]?.message ?? 'no answer'}`,
      fix: 'Start the engine at that address, or unset DOCKER_HOST.',
    })
  if (process.platform !== 'linux' || !isRoot) throw explain(found.errors)
  if (!(await ask('dockerd', ['--version']))) {
    if (!isDebian) throw explain(found.errors)
    await ensurePackages(['docker.io', 'ca-certificates'], 'Docker Engine')
  }
  return step('Starting Docker Engine', () => startEngine(hosts))
}

/** Where an engine listens, the current docker context first. */
function likelyHosts() {
  const home = homedir()
  /** @type {(string | undefined)[]} */
  const hosts = [contextHost(path.join(home, '.docker'))]
  if (process.platform === 'win32') hosts.push('npipe:////./pipe/docker_engine')
  else
    hosts.push(
      'unix:///var/run/docker.sock',
      `unix://${home}/.docker/run/docker.sock`,
      `unix://${home}/.docker/desktop/docker.sock`,
      process.env.XDG_RUNTIME_DIR ? `unix://${process.env.XDG_RUNTIME_DIR}/docker.sock` : undefined,
    )
  return [...new Set(hosts.filter((host) => host !== undefined))]
}

/**
 * Read from the files themselves, as the command line tool may not be there.
 * @param {string} config
 * @returns {string | undefined}
 */
function contextHost(config) {
  try {
    const read = (/** @type {string[]} */ ...file) =>
      JSON.parse(readFileSync(path.join(config, ...file), 'utf8'))
    const name = process.env.DOCKER_CONTEXT ?? read('config.json').currentContext
    const id = createHash('sha256').update(name).digest('hex')
    return read('contexts', 'meta', id, 'meta.json').Endpoints.docker.Host
  } catch {
    return undefined
  }
}

/**
 * @param {string[]} hosts
 * @returns {Promise<Engine | { errors: NodeJS.ErrnoException[] }>}
 */
async function reachable(hosts) {
  /** @type {NodeJS.ErrnoException[]} */
  const errors = []
  for (const host of hosts) {
    try {
      const engine = connect(host)
      await engine.ping()
      return engine
    } catch (error) {
      errors.push(/** @type {NodeJS.ErrnoException} */ (error))
    }
  }
  return { errors }
}

/** @param {string[]} hosts */
async function startEngine(hosts) {
  const systemd = existsSync('/run/systemd/system')
  const log = logFile('dockerd')
  /** @type {number | null | undefined} */
  let exit
  // Its package's own script may have started it just now.
  const started = await pinged(hosts, 1)
  if (started) return started
  if (systemd)
    await run('systemctl', ['start', 'docker'], {
      what: 'systemd could not start Docker Engine',
      log: 'dockerd',
    })
  else {
    const out = openSync(log, 'w')
    // Detached: the engine serves others too, and outlives us.
    const child = spawn('dockerd', [], { detached: true, stdio: ['ignore', out, out] })
    child.on('error', () => (exit = 127)).on('exit', (code) => (exit = code))
    child.unref()
  }
  const engine = await pinged(hosts, 60, () => exit === undefined)
  if (engine) return engine
  throw new SetupError('Docker Engine did not start', {
    why: systemd ? 'it does not answer a minute after systemd started it' : causeIn(log),
    fix: systemd ? 'journalctl -u docker' : 'Start dockerd by hand and see what it says.',
    log: tilde(log),
  })
}

/**
 * @param {string[]} hosts
 * @param {number} seconds
 * @param {() => boolean} [hope]
 */
async function pinged(hosts, seconds, hope = () => true) {
  for (const until = Date.now() + seconds * 1000; Date.now() < until && hope(); await sleep(250)) {
    const found = await reachable(hosts)
    if ('ping' in found) return found
  }
  return undefined
}

/** @param {NodeJS.ErrnoException[]} errors */
function explain(errors) {
  if (process.platform !== 'linux')
    return new SetupError('Docker is not running', {
      why: 'Berth keeps each workspace in a container',
      fix: 'Start Docker Desktop; if you do not have it: https://docs.docker.com/get-docker/',
    })
  const { username } = userInfo()
  const denied = errors.find((error) => error.code === 'EACCES')
  if (denied)
    return new SetupError('Docker is running, but you may not use it', {
      why: `${username} may not open its socket (${denied.message})`,
      fix: `sudo usermod -aG docker ${username}\nthen sign out and in again (or run: newgrp docker)`,
    })
  if (installed)
    return new SetupError('Docker is installed, but not running', {
      why: 'nothing answers on its socket',
      fix: existsSync('/run/systemd/system') ? 'sudo systemctl start docker' : 'sudo service docker start',
    })
  return new SetupError('Docker is not installed', {
    why: 'Berth keeps each workspace in a container',
    fix: isDebian
      ? `sudo apt-get install docker.io && sudo usermod -aG docker ${username}\nthen sign out and in again`
      : 'https://docs.docker.com/engine/install/',
  })
}

const installed = [
  '/usr/bin/dockerd',
  '/usr/sbin/dockerd',
  '/usr/local/bin/dockerd',
  '/snap/bin/docker',
].some(existsSync)
