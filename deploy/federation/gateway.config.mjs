// Hive Gateway before Spil and a party's own subgraphs (docs/federation.md). tests/composition starts this very file.
//   hive-gateway supergraph --config-path gateway.config.mjs supergraph.graphql
export const gatewayConfig = {
  // The caller's token goes to Spil and to nobody else: without it Spil answers as to the public.
  propagateHeaders: {
    fromClientToSubgraphs({ request, subgraphName }) {
      const names = subgraphName === 'spil' ? ['authorization', 'traceparent'] : ['traceparent'];
      return Object.fromEntries(names.filter((name) => request.headers.has(name)).map((name) => [name, request.headers.get(name)]));
    },
  },
  // Subscriptions pass by WebSocket; over HTTP the gateway would give an empty stream and no error. The token goes along
  // in its greeting: a socket without it would be the public's, and one for all callers.
  transportEntries: {
    spil: {
      options: {
        subscriptions: {
          kind: 'ws',
          location: '/graphql',
          options: { connectionParams: { authorization: '{context.headers.authorization}' } },
        },
      },
    },
  },
  // Nothing of one caller is kept for another.
  responseCaching: false,
  graphiql: false,
  landingPage: false,
};
