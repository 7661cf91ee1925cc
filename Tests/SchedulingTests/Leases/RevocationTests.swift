import Scheduling
import Testing

/// Workers are taken back from an executor that is told first.
@Suite struct RevocationTests {
    private var harness = PoolHarness()

    init() { harness.addWorkers(2) }

    @Test mutating func theExecutorIsToldAndThenTheWorkersAreReset() throws {
        let lease = try harness.grant(1, size: 2)
        let told = harness.send(.revoke(lease.engine, lease.generation))
        #expect(told == [.revoke(.number(1), lease.engine, lease.generation)])
        #expect(harness.phase(of: 1) == .revoking(until: harness.now + .seconds(10)))
        #expect(harness.state(of: lease.workers[0]) == .leased(lease, hasAccepted: true))
        let decided = harness.send(.revoked(.number(1), lease.engine, lease.generation))
        #expect(decided.ends == [.revoked])
        #expect(decided.resets == lease.workers)
    }

    @Test mutating func oneThatDoesNotLetGoLosesThemAllTheSame() throws {
        let lease = try harness.grant(1, size: 2)
        harness.send(.revoke(lease.engine, lease.generation))
        #expect(harness.wait(.milliseconds(9_999)) == [])
        let decided = harness.wait(.milliseconds(1))
        #expect(decided.ends == [.revoked])
        #expect(decided.resets == lease.workers)
        #expect(harness.send(.revoked(.number(1), lease.engine, lease.generation)) == [])
    }

    @Test mutating func aSecondRevocationGivesNoMoreTime() throws {
        let lease = try harness.grant(1)
        harness.send(.revoke(lease.engine, lease.generation))
        harness.wait(.seconds(9))
        #expect(harness.send(.revoke(lease.engine, lease.generation)) == [])
        #expect(harness.wait(.seconds(1)).ends == [.revoked])
    }

    @Test mutating func oneThatHasNothingYetIsRefusedAtOnce() throws {
        let lease = try harness.lease(1)
        harness.register(1)
        harness.ask(1)
        let decided = harness.send(.revoke(lease.engine, lease.generation))
        #expect(decided.reasons == ["the lease of e-1 is over: the workers were taken back"])
        #expect(decided.ends == [.revoked])
        #expect(decided.resets == lease.workers)
    }

    @Test mutating func aReleaseThatCrossesTheRevocationCounts() throws {
        let lease = try harness.grant(1)
        harness.send(.revoke(lease.engine, lease.generation))
        let decided = harness.send(.released(.of(1, 2), lease.engine, lease.generation))
        #expect(decided.answers == [.done])
        #expect(decided.ends == [.revoked])
        #expect(harness.send(.revoked(.number(1), lease.engine, lease.generation)) == [])
    }

    @Test mutating func anExecutorThatEndsMeanwhileWasRevoked() throws {
        let lease = try harness.grant(1)
        harness.send(.revoke(lease.engine, lease.generation))
        #expect(harness.send(.executorGone(.number(1))).ends == [.revoked])
    }

    @Test mutating func whoAsksMeanwhileIsRefused() throws {
        let lease = try harness.grant(1)
        harness.send(.revoke(lease.engine, lease.generation))
        #expect(harness.send(.asked(.of(1, 2), worldSize: 1)).reasons == ["the lease of e-1 is being ended"])
    }

    @Test mutating func anotherGenerationIsNotRevoked() throws {
        let lease = try harness.grant(1)
        #expect(harness.send(.revoke(lease.engine, .number(0))) == [])
        #expect(harness.send(.revoke(EngineID(number: 5), .number(5))) == [])
        // An answer to what nobody asked.
        #expect(harness.send(.revoked(.number(1), lease.engine, lease.generation)) == [])
        #expect(harness.phase(of: 1) == .granted)
    }

    @Test mutating func anEngineThatIsEndedIsNotAsked() throws {
        let lease = try harness.grant(1)
        let decided = harness.send(.reclaim(lease.engine, lease.generation))
        #expect(decided.ends == [.reclaimed])
        #expect(decided.resets == lease.workers)
        #expect(harness.send(.reclaim(lease.engine, lease.generation)) == [])
    }
}
