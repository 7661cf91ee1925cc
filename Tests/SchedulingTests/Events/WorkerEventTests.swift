import Scheduling
import Testing

@Suite struct WorkerEventTests {
    private static func booted(workers: Int = 1, reset: ResetPolicy = .replace) -> ObservedHarness {
        var observed = ObservedHarness(Harness(models: [.leasing("a", workers: workers)]), reset: reset)
        observed.boot()
        return observed
    }

    /// From ready to what the engine's end leaves.
    private static func end(_ engine: EngineID, in observed: inout ObservedHarness) {
        _ = observed.act { $0.unload("a") }
        observed.send(.permitReleased(engine))
    }

    @Test func aWorkerComesAndIsLeased() throws {
        var observed = Self.booted()
        let worker = try #require(observed.all.first { $0.kind == .workerForked })
        #expect(worker.slot == 0)
        #expect(worker.device == "cpu:0")
        #expect(worker.runtime == "simulated")
        #expect(observed.all.filter { $0.kind == .workerIdle }.map(\.worker) == [worker.worker])
        _ = observed.act { $0.load("a") }
        try observed.act { _ = try $0.inspect("a") }
        #expect(try observed.event(.workerLeased).worker == worker.worker)
        #expect(try observed.event(.workerLeased).engine == "e-1")
        #expect(try observed.event(.enginePlaced).workers == [worker.worker].compactMap(\.self))
        try observed.grantLease(of: EngineID("e-1"))
        #expect(observed.kinds == [.leaseGranted])
        #expect(observed.events.first?.workers == [worker.worker].compactMap(\.self))
        #expect(observed.events.first?.model == "a")
    }

    @Test func whatWasUsedIsReplaced() throws {
        var observed = Self.booted()
        let engine = try observed.start("a")
        Self.end(engine, in: &observed)
        #expect(observed.kinds.prefix(2) == [.leaseReclaimed, .workerRetired])
        #expect(try observed.event(.workerRetired).cause == "replaced")
        #expect(try observed.event(.workerRetired).engine == "e-1")
        #expect(try observed.event(.leaseReclaimed).model == "a")
    }

    @Test func aWorkerThatDiesBreaksTheLease() throws {
        var observed = Self.booted(workers: 2)
        let engine = try observed.start("a")
        let worker = try #require(observed.harness.scheduler.engines[engine]).workers[1]
        observed.send(.processGone(worker, reason: "killed by signal 9"))
        // In the order of cause and effect; the other worker is taken back.
        #expect(observed.kinds.prefix(4) == [.workerRetired, .leaseBroken, .engineDied, .workerRetired])
        let retired = try observed.event(.workerRetired)
        #expect(retired.worker == worker.description)
        #expect(retired.cause == "died")
        #expect(retired.reason == "killed by signal 9")
        let broken = try observed.event(.leaseBroken)
        #expect(broken.engine == "e-1")
        #expect(broken.reason?.contains("its worker 1 of rank 1") == true)
        #expect(broken.reason?.contains("killed by signal 9") == true)
        #expect(observed.events[3].cause == "replaced")
    }

    /// The leased worker was reset, and owns so much then.
    private static func reset(to owned: Int) throws -> ObservedHarness {
        var observed = booted(reset: .inPlace(toleranceBytes: 10))
        let engine = try observed.start("a")
        let lease = try #require(observed.harness.scheduler.pool.executors[engine]).lease
        end(engine, in: &observed)
        #expect(try observed.event(.workerResetting).worker == lease.workers[0].description)
        observed.send(.lease(.resetDone(lease.workers[0], lease.generation)))
        observed.send(.lease(.measured(lease.workers[0], lease.generation, privateBytes: owned)))
        return observed
    }

    @Test func memoryThatDoesNotComeBackIsAnAlarm() throws {
        let observed = try Self.reset(to: 111)
        #expect(try observed.event(.workerRetired).cause == "memory")
        let alarm = try observed.event(.alarm)
        #expect(alarm.cause == "memory")
        #expect(alarm.device == "cpu:0")
        #expect(alarm.reason?.contains("it has 1 too many") == true)
    }

    @Test func whatCameBackIsNoAlarm() throws {
        let observed = try Self.reset(to: 110)
        _ = try observed.event(.workerIdle)
        #expect(!observed.kinds.contains(.alarm) && !observed.kinds.contains(.workerRetired))
    }

    @Test func parkingAndItsEnd() throws {
        var observed = Self.booted()
        let engine = try observed.start("a")
        let lease = try #require(observed.harness.scheduler.pool.executors[engine]).lease.generation
        observed.act { _ = $0.send(.park($0.newCommand(), engine: "a")) }
        observed.send(.permitReleased(engine))
        observed.send(.lease(.released(ExecutorMessage(executor: ExecutorID(1), number: 2), engine, lease)))
        #expect(observed.kinds.prefix(2) == [.leaseReleased, .workerRetired])
        let generation = try observed.harness.generation(of: engine)
        observed.send(.suspended(engine, generation))
        #expect(observed.kinds == [.engineParked, .modelTier])
        #expect(try observed.event(.modelTier).tier == .parked)
        observed.endProcesses()
        observed.fillPools()
        _ = observed.act { $0.load("a") }
        observed.act { _ = $0.inspect(engine) }
        #expect(observed.kinds.contains(.engineUnparked))
        #expect(try observed.event(.engineUnparked).tier == .parked)
        #expect(try observed.event(.engineUnparked).workers?.count == 1)
        observed.send(.resumed(engine, generation))
        #expect(try observed.event(.engineReady).tier == .parked)
    }

    @Test func whatAShutdownEndsHasNotDied() throws {
        var observed = Self.booted()
        _ = try observed.start("a")
        observed.send(.shutdown)
        observed.send(.permitReleased(EngineID("e-1")))
        for _ in 0..<4 { observed.endProcesses() }
        #expect(observed.harness.scheduler.processes.isEmpty)
        #expect(observed.all.filter { $0.kind == .workerRetired }.map(\.cause) == ["replaced"])
    }

    @Test func aUsersEngine() throws {
        var observed = Self.booted()
        let message = ExecutorMessage(executor: ExecutorID(5), number: 1)
        let request = ExternalRequest(
            message: message, pid: 42, model: "their/own", worldSize: 1, deviceKind: "cpu", footprint: 1 << 20,
            patience: .seconds(5), versions: [:])
        observed.send(.externalAsked(request, .simulated))
        #expect(observed.kinds == [.workerLeased, .enginePlaced, .engineReady])
        #expect(try observed.event(.enginePlaced).model == "their/own")
        // Nothing of ours was started.
        #expect(try observed.event(.engineReady).tier == nil)
        observed.acceptLeases()
        #expect(observed.kinds == [.workerForked, .leaseGranted])
        observed.send(.lease(.executorGone(ExecutorID(5))))
        #expect(observed.kinds.prefix(2) == [.leaseBroken, .engineDied])
        #expect(try observed.event(.leaseBroken).reason == "the connection of its executor ended")
    }

    /// One that does not fit is refused in the step in which it asked.
    @Test func aUsersEngineThatIsRefused() throws {
        var observed = Self.booted()
        let request = ExternalRequest(
            message: ExecutorMessage(executor: ExecutorID(5), number: 1), pid: 42, model: "their/own", worldSize: 9,
            deviceKind: "cpu", footprint: 1 << 20, patience: .seconds(5), versions: [:])
        observed.send(.externalAsked(request, .simulated))
        #expect(observed.kinds == [.engineFailed])
        #expect(observed.events.first?.reason?.contains("9 workers") == true)
        #expect(observed.events.first?.model == "their/own")
    }
}
