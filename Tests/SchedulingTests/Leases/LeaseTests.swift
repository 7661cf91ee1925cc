import Scheduling
import Testing

/// Workers are leased all at once, and granted when each of them knows.
@Suite struct LeaseTests {
    private var harness = PoolHarness()

    @Test mutating func aGroupIsLeasedInOneStepInTheOrderOfItsSlots() throws {
        let workers = harness.addWorkers(3)
        let decided = harness.send(.lease(harness.wish(1, size: 2)))
        let lease = Lease(engine: EngineID(number: 1), generation: .number(1), workers: Array(workers.prefix(2)))
        #expect(
            decided == [
                .lease(workers[0], lease, owner: .core(.core(of: 1))),
                .lease(workers[1], lease, owner: .core(.core(of: 1))),
            ])
        #expect(lease.rank(of: workers[1]) == 1)
        #expect(harness.state(of: workers[0]) == .leased(lease, hasAccepted: false))
        #expect(harness.state(of: workers[2]) == .idle)
        #expect(harness.pool.workers[workers[0]]?.leaseCount == 1)
        #expect(harness.phase(of: 1) == .expected)
    }

    @Test mutating func thereIsNoPartOfAGroup() {
        let workers = harness.addWorkers(2)
        #expect(!harness.pool.canLease(harness.wish(1, size: 3)))
        #expect(harness.send(.lease(harness.wish(1, size: 3))) == [])
        #expect(workers.allSatisfy { harness.state(of: $0) == .idle })
        #expect(harness.pool.executors.isEmpty)
    }

    @Test mutating func eachRankHasAWorkerOfItsOwnDevice() throws {
        let first = harness.addWorkers(2)
        let second = harness.addWorkers(1, on: DeviceID("cuda:1"))
        let ranks = [DeviceID("cuda:1"), .cuda]
        let decided = harness.send(.lease(harness.wish(1, ranks: ranks)))
        #expect(decided.told == [second[0], first[0]])
        let lease = try #require(harness.pool.executors[EngineID(number: 1)]?.lease)
        #expect(lease.workers == [second[0], first[0]])
        #expect(harness.state(of: first[1]) == .idle)
    }

    @Test mutating func whereOneDeviceHasNoWorkerNoneIsLeased() {
        let workers = harness.addWorkers(2)
        let wish = harness.wish(1, ranks: [.cuda, DeviceID("cuda:1")])
        #expect(!harness.pool.canLease(wish))
        #expect(harness.send(.lease(wish)) == [])
        #expect(workers.allSatisfy { harness.state(of: $0) == .idle })
        harness.addWorkers(1, on: DeviceID("cuda:1"))
        #expect(harness.pool.canLease(wish))
    }

    @Test mutating func aWorkerLostOnOneDeviceTakesTheOtherDevicesWorkerBack() throws {
        let first = harness.addWorkers(1)[0]
        let second = harness.addWorkers(1, on: DeviceID("cuda:1"))[0]
        harness.send(.lease(harness.wish(1, ranks: [.cuda, DeviceID("cuda:1")])))
        let lease = try #require(harness.pool.executors[EngineID(number: 1)]?.lease)
        harness.accept(lease)
        let decided = harness.send(.gone(second, reason: "killed"))
        #expect(decided.ends.count == 1)
        #expect(decided.resets == [first])
        #expect(decided.returned.isEmpty)
        harness.send(.resetDone(first, lease.generation))
        #expect(harness.send(.measured(first, lease.generation, privateBytes: 100)).returned == [lease.engine])
    }

    @Test mutating func aGroupIsOfOneDeviceAndOneRuntime() {
        harness.addWorkers(1)
        harness.addWorkers(1, on: DeviceID("cuda:1"))
        harness.addWorkers(1, runtime: RuntimeName("other"))
        #expect(!harness.pool.canLease(harness.wish(1, size: 2)))
        #expect(harness.pool.canLease(harness.wish(1)))
    }

    @Test mutating func anEngineHasOneLeaseAndAGenerationIsOfOneLease() throws {
        harness.addWorkers(3)
        try harness.lease(1)
        let sameEngine = LeaseWish(
            engine: EngineID(number: 1), engineGeneration: .number(2), generation: .number(2), runtime: .simulated,
            place: Place(ranks: [.cuda]), owner: .core(.core(of: 2)))
        let sameGeneration = LeaseWish(
            engine: EngineID(number: 2), engineGeneration: .number(1), generation: .number(1), runtime: .simulated,
            place: Place(ranks: [.cuda]), owner: .core(.core(of: 2)))
        for wish in [sameEngine, sameGeneration, harness.wish(2, size: 0)] {
            #expect(!harness.pool.canLease(wish))
            #expect(harness.send(.lease(wish)) == [])
        }
        #expect(harness.pool.executors.count == 1)
    }

    @Test mutating func theGrantWaitsForTheLastWorker() throws {
        let workers = harness.addWorkers(2)
        let lease = try harness.lease(1, size: 2)
        harness.register(1)
        #expect(harness.ask(1, size: 2) == [])
        #expect(harness.send(.accepted(workers[0], lease.generation)) == [])
        #expect(harness.phase(of: 1) == .registered)
        let decided = harness.send(.accepted(workers[1], lease.generation))
        #expect(decided == [.answer(.of(1), .granted(lease))])
        #expect(harness.phase(of: 1) == .granted)
    }

    @Test mutating func whoAsksAfterTheWorkersKnowIsAnsweredAtOnce() throws {
        harness.addWorkers(2)
        try harness.grant(1, size: 2)
    }

    @Test mutating func aUsersProcessHasAskedAlready() {
        let worker = harness.addWorkers(1)[0]
        let owner = ExecutorOwner.user(pid: 77, asked: .of(9))
        harness.send(.lease(harness.wish(1, owner: owner)))
        #expect(harness.phase(of: 1) == .registered)
        let lease = Lease(engine: EngineID(number: 1), generation: .number(1), workers: [worker])
        #expect(harness.send(.accepted(worker, .number(1))) == [.answer(.of(9), .granted(lease))])
    }

    @Test mutating func oneConnectionHasOneLeaseAtATime() {
        harness.addWorkers(2)
        harness.send(.lease(harness.wish(1, owner: .user(pid: 77, asked: .of(9, 1)))))
        let second = harness.wish(2, owner: .user(pid: 77, asked: .of(9, 2)))
        #expect(!harness.pool.canLease(second))
        // A process may make several executors, and each has a connection of its own.
        #expect(harness.pool.canLease(harness.wish(2, owner: .user(pid: 77, asked: .of(10)))))
        harness.send(.reclaim(EngineID(number: 1), .number(1)))
        #expect(harness.pool.canLease(second))
    }

    @Test mutating func aWorkerThatDeclinesIsRetiredAndTheLeaseBroken() throws {
        let workers = harness.addWorkers(2)
        let lease = try harness.lease(1, size: 2)
        harness.register(1)
        harness.ask(1, size: 2)
        let decided = harness.send(.declined(workers[1], lease.generation, reason: "it is assigned"))
        #expect(harness.retirement(of: workers[1])?.cause == .declined)
        let reason = "its worker 1 of rank 1 (\(workers[1])) did not take the lease of e-1: it is assigned"
        #expect(decided.ends == [.notTaken(reason: reason)])
        #expect(decided.reasons == ["the lease of e-1 is over: " + reason])
        #expect(decided.resets == [workers[0]])
    }

    @Test mutating func aWorkerThatDoesNotAnswerIsRetiredAndTheLeaseBroken() throws {
        let workers = harness.addWorkers(2)
        let lease = try harness.lease(1, size: 2)
        harness.send(.accepted(workers[0], lease.generation))
        #expect(harness.wait(.milliseconds(9_999)) == [])
        let decided = harness.wait(.milliseconds(1))
        #expect(decided.retired == [workers[1]])
        #expect(harness.retirement(of: workers[1])?.cause == .unanswered)
        #expect(decided.ends.count == 1)
        #expect(decided.resets == [workers[0]])
        // It is too late for its answer.
        #expect(harness.send(.accepted(workers[1], lease.generation)) == [])
        #expect(harness.retirement(of: workers[1])?.cause == .unanswered)
    }

    @Test mutating func twoThatDoNotAnswerBreakTheLeaseOnce() throws {
        let workers = harness.addWorkers(2)
        try harness.lease(1, size: 2)
        let decided = harness.wait(.seconds(10))
        #expect(decided.ends.count == 1)
        // The lease was broken by the first; the second owes the answer to its reset by now.
        #expect(decided.retired == [workers[0]])
        #expect(decided.resets == [workers[1]])
        #expect(harness.wait(.seconds(30)).retired == [workers[1]])
    }
}
