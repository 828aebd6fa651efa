// Composes each supergraph that standard input names, with both composers.
// in: {"<supergraph>": [{"name", "url", "sdl"}]}    out: {"<supergraph>": {"apollo" | "guild": {errors, hints, supergraph, api}}}
import { text } from 'node:stream/consumers';
import { composeServices as apollo } from '@apollo/composition';
import { printSchema, Supergraph } from '@apollo/federation-internals';
import { composeServices as guild } from '@theguild/federation-composition';
import { parse } from 'graphql';

const told = (errors) => (errors ?? []).map((error) => error.message);

function byApollo(services) {
  const { errors, hints, supergraphSdl: supergraph } = apollo(services);
  const api = supergraph && printSchema(Supergraph.build(supergraph).apiSchema());
  // Whatever it has to say: a hint of level INFO is one too.
  return { errors: told(errors), hints: (hints ?? []).map(String), supergraph, api };
}

function byGuild(services) {
  // It knows errors alone.
  const { errors, supergraphSdl: supergraph, publicSdl: api } = guild(services);
  return { errors: told(errors), hints: [], supergraph, api };
}

const given = JSON.parse(await text(process.stdin));
const made = Object.entries(given).map(([name, subgraphs]) => {
  const services = subgraphs.map(({ sdl, ...rest }) => ({ ...rest, typeDefs: parse(sdl) }));
  return [name, { apollo: byApollo(services), guild: byGuild(services) }];
});
console.log(JSON.stringify(Object.fromEntries(made)));
