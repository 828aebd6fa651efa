import time
from tests.federation.harness import open_harness
QS=['{ regions { code name aliases post { filled since } neighbours { code } schools(first:2) { totalCount nodes { brin name studentCount } pageInfo { hasNextPage endCursor } } } }',
'{ schools(first: 3, order: {field: NAME, direction: DESC}) { edges { cursor node { name brin contactForEmployers { id desk owner { __typename ... on Node { id } } } } } } }',
'{ contact(topic: PUPILS_TO_WORK, at: {postcode: "5211"}) { contact { desk } path { kind why verified } } me { role party name function scopes notice } }',
'{ opportunities(first: 5, order: {field: CLOSES_ON}) { totalCount nodes { id title description closesOn servicePoint { code } employer { name locations { code } } } } _entities(representations: [{__typename: "Region", code: "AM27"}, {__typename: "Placement", id: "x"}, {__typename: "Student"}]) { __typename } }',
'{ students(first: 5) { nodes { id school { students(first:3) { nodes { id } } } } } }',
'{ students(first: 5) { pageInfo { endCursor } } }',
'{ students(first: 5) { totalCount nodes { id reference disclosure destinationAim leavesOn lead { party since } freshness completeness ageBand workProcesses { crebo } placements { nodes { id from kind employer { name } opportunity { id } student { id disclosure } } } credentials { totalCount nodes { id workProcesses { code } } } } } placements { totalCount nodes { id student { id disclosure sectors placements { totalCount } } } } }',
'{ candidates(first: 5) { totalCount nodes { id disclosure highestCredential hoursBand travelBand availableFrom  workProcesses { crebo } placements { nodes { id from kind employer { name } opportunity { id } candidate { id disclosure } } } credentials { totalCount nodes { id workProcesses { code } } } } } placements { totalCount nodes { id candidate { id disclosure sectors placements { totalCount } } } } }',
]
from graphql import parse, validate
async def test_it(country):
    h = await open_harness(country)
    for s in h.seats:
        print(s, len(s.eyes.sights), len(s.eyes.people()), len(s.eyes.every_placement()), len(s.eyes.regions), len(s.eyes.opportunities))
    bad=0
    for s in h.seats:
        for q in QS:
            if validate(h.schemas[s.viewer.role], parse(q)): continue
            t=time.time()
            try: told,found=await h.compare(s,q,{}); 
            except AssertionError as e: print('DIFF',s,q[:60],e); bad+=1
            else: print('ok',s,q[:30],len(told.raw),len(told.students),told.problems, round(time.time()-t,3))
    await h.database.close()
    assert not bad
