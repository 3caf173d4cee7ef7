import { z } from 'zod'
import { problem } from '../core/api.ts'
import type { Route } from './router.ts'

/** The OpenAPI 3.1 document of the routes, from the schemas that validate them. */
export function openapi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route)
  return {
    openapi: '3.1.0',
    info: { title: 'Berth', version, description: 'Development workspaces on your own machine.' },
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    security: [{ bearer: [] }],
    paths,
  }
}

function operation(route: Route): object {
  const schema = (type: z.ZodType, io: 'input' | 'output'): object => z.toJSONSchema(type, { io })
  return {
    summary: route.summary,
    ...(route.open && { security: [] }),
    parameters: [
      ...(route.path.includes('{id}')
        ? [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }]
        : []),
      ...(route.query ? queryParameters(z.toJSONSchema(route.query, { io: 'input' })) : []),
    ],
    ...(route.body && {
      requestBody: {
        required: !route.body.safeParse(undefined).success,
        content: { 'application/json': { schema: schema(route.body, 'input') } },
      },
    }),
    responses: {
      [route.status]: {
        description: 'Success',
        ...(route.stream && { content: { 'text/event-stream': { schema: { type: 'string' } } } }),
        ...(route.answer && { content: { 'application/json': { schema: schema(route.answer, 'output') } } }),
      },
      default: {
        description: 'A problem document (RFC 9457) with a stable code',
        content: { 'application/problem+json': { schema: schema(problem, 'output') } },
      },
    },
  }
}

function queryParameters(schema: z.core.JSONSchema.BaseSchema): object[] {
  return Object.entries(schema.properties ?? {}).map(([name, type]) => ({ name, in: 'query', schema: type }))
}
