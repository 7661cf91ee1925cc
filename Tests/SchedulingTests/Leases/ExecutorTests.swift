import Scheduling
import Testing

/// Who may have an engine's workers, and how they are given back.
@Suite struct ExecutorTests {
    private var harness = PoolHarness()

    init() { harness.addWorkers(3) }

    @Test mutating func theCoresExecutorIsWelcome() throws {
        try harness.lease(1)
        #expect(harness.register(1) == [.welcome(.number(1), EngineID(number: 1))])
        #expect(harness.phase(of: 1) == .registered)
    }

    @Test(arguments: [ProcessID("core-2"), nil])
    mutating func anotherProcessIsRefused(process: ProcessID?) throws {
        try harness.lease(1)
        let decided = harness.send(.registered(.number(7), EngineID(number: 1), .number(1), process: process))
        #expect(decided == [.refuse(.number(7), reason: "it does not belong to the core of e-1")])
        #expect(harness.phase(of: 1) == .expected)
    }

    @Test mutating func anotherGenerationIsRefused() throws {
        try harness.lease(1)
        let decided = harness.send(
            .registered(.number(7), EngineID(number: 1), .number(0), process: .core(of: 1)))
        #expect(decided.reasons == ["e-1 has another generation by now"])
        #expect(harness.phase(of: 1) == .expected)
    }

    @Test mutating func aSecondExecutorIsRefusedAndTheFirstKeepsTheLease() throws {
        try harness.grant(1)
        let decided = harness.send(
            .registered(.number(7), EngineID(number: 1), .number(1), process: .core(of: 1)))
        #expect(decided.reasons == ["e-1 has its executor already, or had it"])
        #expect(harness.phase(of: 1) == .granted)
        #expect(harness.send(.executorGone(.number(7))) == [])
        #expect(harness.phase(of: 1) == .granted)
    }

    @Test mutating func oneConnectionIsOfOneEngine() throws {
        try harness.grant(1)
        try harness.lease(2)
        let decided = harness.send(
            .registered(.number(1), EngineID(number: 2), .number(2), process: .core(of: 2)))
        #expect(decided.reasons == ["it has the lease of e-1"])
        #expect(harness.phase(of: 2) == .expected)
    }

    @Test mutating func anEngineWithoutALeaseHasNoExecutor() {
        #expect(harness.register(1).reasons == ["no workers are reserved for e-1"])
        #expect(harness.ask(1).reasons == ["no workers are reserved for it, or they were taken back"])
    }

    @Test mutating func anotherWorldSizeIsRefusedWithTheArithmetic() throws {
        try harness.lease(1, size: 2)
        harness.register(1)
        #expect(harness.ask(1, size: 3).reasons == ["3 workers are asked for, and 2 are reserved for e-1"])
        #expect(harness.phase(of: 1) == .registered)
    }

    @Test mutating func whoAsksAgainIsToldTheSame() throws {
        let lease = try harness.grant(1, size: 2)
        let again = harness.send(.asked(.of(1, 2), worldSize: 2))
        #expect(again == [.answer(.of(1, 2), .granted(lease))])
        #expect(harness.pool.workers[lease.workers[0]]?.leaseCount == 1)
    }

    @Test mutating func aSecondRequestBeforeTheFirstIsAnsweredIsRefused() throws {
        let lease = try harness.lease(1)
        harness.register(1)
        harness.ask(1)
        let second = harness.send(.asked(.of(1, 2), worldSize: 1))
        #expect(second.reasons == ["an earlier request for e-1 is not answered yet"])
        #expect(harness.send(.accepted(lease.workers[0], .number(1))) == [.answer(.of(1), .granted(lease))])
    }

    @Test mutating func aReleaseTakesAllWorkersBack() throws {
        let lease = try harness.grant(1, size: 2)
        let decided = harness.send(.released(.of(1, 2), lease.engine, lease.generation))
        #expect(
            decided == [
                .answer(.of(1, 2), .done), .ended(lease.engine, lease.generation, .released),
                .reset(lease.workers[0], lease.generation), .reset(lease.workers[1], lease.generation),
            ])
        #expect(harness.phase(of: 1) == .releasing(.released))
    }

    @Test(arguments: [Generation.number(0), Generation(epoch: 2, counter: 1), .number(9)])
    mutating func aReleaseOfAnotherGenerationChangesNothing(other: Generation) throws {
        let lease = try harness.grant(1)
        let decided = harness.send(.released(.of(1, 2), lease.engine, other))
        #expect(decided == [.answer(.of(1, 2), .failed(reason: "it has no lease of this generation for e-1"))])
        #expect(harness.phase(of: 1) == .granted)
    }

    @Test mutating func nobodyReleasesWhatIsAnothers() throws {
        let lease = try harness.grant(1)
        try harness.grant(2)
        let decided = harness.send(.released(.of(2, 5), lease.engine, lease.generation))
        #expect(decided.answers == [.failed(reason: "it has no lease of this generation for e-1")])
        #expect(harness.phase(of: 1) == .granted)
        #expect(harness.phase(of: 2) == .granted)
    }

    @Test mutating func aSecondReleaseFailsAndChangesNothing() throws {
        let lease = try harness.grant(1)
        harness.send(.released(.of(1, 2), lease.engine, lease.generation))
        let again = harness.send(.released(.of(1, 3), lease.engine, lease.generation))
        #expect(again.answers.count == 1)
        #expect(again.ends.isEmpty)
        #expect(again.reasons.count == 1)
    }

    @Test mutating func whenItsConnectionEndsTheLeaseIsBroken() throws {
        let lease = try harness.grant(1, size: 2)
        let decided = harness.send(.executorGone(.number(1)))
        #expect(decided.ends == [.broken(reason: "the connection of its executor ended")])
        #expect(decided.resets == lease.workers)
        #expect(harness.send(.executorGone(.number(1))) == [])
    }

    @Test mutating func aUserThatIsGoneBeforeTheGrantGetsNothing() {
        harness.send(.lease(harness.wish(1, owner: .user(pid: 77, asked: .of(9)))))
        let decided = harness.send(.executorGone(.number(9)))
        #expect(decided.reasons == ["the lease of e-1 is over: the connection of its executor ended"])
        #expect(decided.ends.count == 1)
        #expect(harness.send(.accepted(decided.resets[0], .number(1))) == [])
    }
}
