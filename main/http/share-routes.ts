import { z } from 'zod'
import * as api from '../core/api.ts'
import type { Shares } from '../service/shares.ts'
import { route, type Route } from './router.ts'

export type ShareRoutesDeps = Pick<Shares, 'list' | 'create' | 'change' | 'stop' | 'allow' | 'expel'>

/** The routes with which the owner of a workspace shares it on the local network. */
export const createShareRoutes = (shares: ShareRoutesDeps): readonly Route[] => [
  route({
    method: 'GET',
    path: '/workspaces/{id}/shares',
    summary: 'Its links for people on the local network, the oldest first, and who came by them',
    status: 200,
    answer: api.shareList,
    handle: ({ user, id }) => ({ items: shares.list(user, id) }),
  }),
  route({
    method: 'POST',
    path: '/workspaces/{id}/shares',
    summary: 'Share it on the local network; the link is told this once',
    body: api.createShare,
    status: 201,
    answer: api.shared,
    handle: ({ user, id, body }) => shares.create(user, id, body),
  }),
  route({
    method: 'PATCH',
    path: '/shares/{id}',
    summary: 'Change what its guests may do',
    body: api.patchShare,
    status: 200,
    answer: api.share,
    handle: ({ user, id, body }) => shares.change(user, id, body),
  }),
  route({
    method: 'DELETE',
    path: '/shares/{id}',
    summary: 'Stop sharing by this link: its guests are out at once',
    status: 204,
    handle: ({ user, id }) => shares.stop(user, id),
  }),
  route({
    method: 'POST',
    path: '/guests/{id}:allow',
    summary: 'Let in a guest who rings',
    body: z.strictObject({}).optional(),
    status: 200,
    answer: api.guest,
    handle: ({ user, id }) => shares.allow(user, id),
  }),
  route({
    method: 'DELETE',
    path: '/guests/{id}',
    summary: 'Throw out a guest, or do not let them in',
    status: 204,
    handle: ({ user, id }) => shares.expel(user, id),
  }),
]
