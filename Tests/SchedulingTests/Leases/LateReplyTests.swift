import Scheduling
import Testing

/// A reply that comes late, twice, from nobody that is known, or about another generation changes nothing.
@Suite struct LateReplyTests {
    private var harness = PoolHarness()

    private mutating func expectNothing(
        of events: [LeaseEvent], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for event in events {
            let (workers, executors) = (harness.pool.workers, harness.pool.executors)
            #expect(harness.send(event) == [], "\(event)", sourceLocation: sourceLocation)
            #expect(harness.pool.workers == workers, "\(event)", sourceLocation: sourceLocation)
            #expect(harness.pool.executors == executors, "\(event)", sourceLocation: sourceLocation)
        }
    }

    private func replies(_ worker: ProcessID, _ generation: Generation) -> [LeaseEvent] {
        [
            .accepted(worker, generation), .declined(worker, generation, reason: "?"), .resetDone(worker, generation),
            .resetFailed(worker, generation, reason: "?"), .measured(worker, generation, privateBytes: 1),
            .measured(worker, generation, privateBytes: 1 << 40),
            .measured(worker, generation, privateBytes: nil),
        ]
    }

    @Test mutating func aWorkerThatWasNeverAskedIsNotHeard() {
        let starting = harness.fork()
        let idle = harness.addWorkers(1)[0]
        for worker in [starting, idle, ProcessID("p-77")] { expectNothing(of: replies(worker, .number(1))) }
        expectNothing(of: [
            .idle(ProcessID("p-77"), privateBytes: 1, reset: .replace), .gone(ProcessID("p-77"), reason: "?"), .tick,
            .dismiss(ProcessID("p-77"), reason: "?"), .executorGone(.number(7)),
            .revoked(.number(7), EngineID(number: 7), .number(7)), .reclaim(EngineID(number: 7), .number(7)),
        ])
    }

    @Test mutating func aLeasedWorkerIsIdleNoMore() throws {
        let worker = harness.addWorkers(1)[0]
        let lease = try harness.lease(1)
        expectNothing(of: [.idle(worker, privateBytes: 1, reset: .replace), .forked(worker, .simulated, .cuda)])
        expectNothing(of: replies(worker, .number(0)))
        harness.send(.accepted(worker, lease.generation))
        expectNothing(of: replies(worker, lease.generation) + replies(worker, .number(0)))
    }

    @Test mutating func oneThatIsBeingResetHasNothingLeftToAccept() throws {
        let worker = harness.addWorkers(1)[0]
        let lease = try harness.lease(1)
        harness.send(.reclaim(lease.engine, lease.generation))
        expectNothing(of: replies(worker, .number(0)))
        expectNothing(of: [
            .accepted(worker, lease.generation), .declined(worker, lease.generation, reason: "?"),
            .measured(worker, lease.generation, privateBytes: 100),
            .idle(worker, privateBytes: 100, reset: .inPlace(toleranceBytes: 1_000)),
        ])
        harness.send(.resetDone(worker, lease.generation))
        expectNothing(of: [
            .resetDone(worker, lease.generation), .resetFailed(worker, lease.generation, reason: "?"),
            .measured(worker, .number(0), privateBytes: 100),
        ])
    }

    /// The one that matters: what a worker said about its last engine is not taken for the present one's.
    @Test mutating func whatItSaidOfItsLastEngineSaysNothingOfTheNext() throws {
        let worker = harness.addWorkers(1)[0]
        let first = try harness.grant(1)
        harness.send(.reclaim(first.engine, first.generation))
        harness.finishReset(worker, first)
        let second = try harness.grant(2)
        expectNothing(of: replies(worker, first.generation))
        harness.send(.reclaim(second.engine, second.generation))
        expectNothing(of: replies(worker, first.generation))
        harness.send(.resetDone(worker, second.generation))
        expectNothing(of: replies(worker, first.generation))
    }

    @Test mutating func aRetiredWorkerIsNotHeardUntilItIsGone() throws {
        let worker = harness.addWorkers(1, on: .cpu)[0]
        let lease = try harness.grant(1, on: .cpu)
        harness.send(.reclaim(lease.engine, lease.generation))
        expectNothing(of: replies(worker, lease.generation) + [.idle(worker, privateBytes: 1, reset: .replace)])
        harness.wait(.seconds(3_600))
        #expect(harness.retirement(of: worker)?.cause == .replaced)
        harness.send(.gone(worker, reason: "it was asked to"))
        expectNothing(of: replies(worker, lease.generation) + [.gone(worker, reason: "again")])
    }

    @Test mutating func whatAnExecutorSaidOfItsLastLeaseSaysNothingOfTheNext() throws {
        let worker = harness.addWorkers(1)[0]
        let owner = { ExecutorOwner.user(pid: 77, asked: .of(9, $0)) }
        harness.send(.lease(harness.wish(1, owner: owner(1))))
        harness.send(.accepted(worker, .number(1)))
        harness.send(.released(.of(9, 2), EngineID(number: 1), .number(1)))
        harness.finishReset(worker, try #require(harness.pool.executors[EngineID(number: 1)]?.lease))
        harness.send(.lease(harness.wish(2, owner: owner(3))))
        harness.send(.accepted(worker, .number(2)))
        #expect(harness.phase(of: 2) == .granted)
        let late = harness.send(.released(.of(9, 4), EngineID(number: 2), .number(1)))
        #expect(late.answers == [.failed(reason: "it has no lease of this generation for e-2")])
        expectNothing(of: [.revoked(.number(9), EngineID(number: 2), .number(1))])
        #expect(harness.phase(of: 2) == .granted)
    }
}
