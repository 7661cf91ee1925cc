import Scheduling
import Testing

@Suite struct PlacementTests {
    @Test func theFirstDeviceThatFitsIsTaken() throws {
        var harness = Harness(
            models: [.named("a", gibibytes: 3), .named("b", gibibytes: 3), .named("c", gibibytes: 1)],
            devices: [.gibibytes(4), .gibibytes(4, id: "cpu:1")])
        harness.boot()
        for model in ["a", "b", "c"] { _ = try harness.start(model) }
        #expect(harness.actions.assignments.map(\.device.description) == ["cpu:0", "cpu:1", "cpu:0"])
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 4 << 30)
    }

    @Test func processesAreThoseOfTheRuntimeAndTheDevice() throws {
        let other = RuntimeName("other")
        var harness = Harness(
            models: [.named("a", runtime: other)], devices: [.gibibytes(1), .gibibytes(4, id: "cpu:1")],
            runtimes: [.simulated, other])
        harness.boot()
        _ = try harness.start("a")
        let assignment = try #require(harness.actions.assignments.first)
        for process in [assignment.core, assignment.frontEnd] {
            let record = try #require(harness.scheduler.processes[process])
            #expect(record.runtime == other)
            #expect(record.device == DeviceID("cpu:1"))
        }
        #expect(harness.scheduler.processes[assignment.core]?.role == .core)
        #expect(harness.scheduler.processes[assignment.frontEnd]?.role == .frontEnd)
    }

    @Test func whatFitsNowhereIsRefusedWithTheSum() throws {
        var harness = Harness(models: [.named("a", gibibytes: 3)], devices: [.gibibytes(4)])
        harness.boot()
        let request = harness.request("a")
        _ = try harness.inspect("a", weightBytes: 2000 << 20)
        let error = try harness.refusal(of: request)
        #expect(error.code == .outOfMemory)
        // 2000 MiB x 1.1 + a KV cache of 2560 MiB + 512 MiB.
        #expect(
            error.message
                == "'a' does not fit: cpu:0 has 4096 MiB, and 5272 MiB are needed (KV cache 2560 MiB). Give it a smaller "
                + "kv-cache-memory-bytes, or the device more memory.")
        #expect(harness.actions.assignments.isEmpty)
        // Nothing of its own is wrong, so there is no pause.
        let next = harness.request("a")
        #expect(harness.outcomes(of: next) == [])
        #expect(harness.phase(of: "a") == .queued)
    }

    @Test func theKVCacheIsToldToTheEngine() throws {
        let model = ModelSpecification(
            name: "a", runtime: .simulated, concurrency: 1, startTimeout: .seconds(10), kvCacheBytes: nil)
        var harness = Harness(models: [model], devices: [.gibibytes(8)])
        harness.boot()
        _ = harness.load("a")
        let engine = try harness.inspect("a", weightBytes: 1 << 30)
        let cache = Footprint.defaultKVCacheBytes(deviceBytes: 8 << 30, weightBytes: 1 << 30)
        #expect(harness.actions.assignments.first?.kvCacheBytes == cache)
        #expect(
            harness.scheduler.engines[engine]?.footprint
                == Footprint.estimate(weightBytes: 1 << 30, kvCacheBytes: cache))
    }

    @Test func whatWasMeasuredReplacesTheEstimate() throws {
        var harness = Harness(models: [.named("a", gibibytes: 3)], devices: [.gibibytes(4)])
        harness.boot()
        let engine = try harness.start("a")
        harness.send(.measured(engine, bytes: 1 << 30))
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 1 << 30)
        _ = harness.unload("a")
        harness.send(.permitReleased(engine))
        harness.endProcesses()
        let next = try harness.start("a")
        #expect(harness.scheduler.engines[next]?.footprint == 1 << 30)
    }

    @Test func aMeasurementAboveTheDeviceIsAFactAndNoFault() throws {
        var harness = Harness(models: [.named("a"), .named("b")], devices: [.gibibytes(4)])
        harness.boot()
        let a = try harness.start("a")
        _ = try harness.start("b")
        harness.send(.measured(a, bytes: 3 << 30))
        #expect(harness.scheduler.usedBytes(DeviceID("cpu:0")) == 5 << 30)
        #expect(harness.phase(of: "a") == .ready)
        #expect(harness.phase(of: "b") == .ready)
    }

    @Test func memoryThatTheFirstInLineWaitsForIsNotForTheNext() throws {
        // The second has its processes at once, and would fit; but then the first would not.
        let slow = RuntimeName("slow")
        var harness = Harness(
            models: [.named("a", gibibytes: 3, runtime: slow), .named("b", gibibytes: 2)], devices: [.gibibytes(4)],
            runtimes: [.simulated, slow])
        harness.send(.tick)
        harness.send(.zygoteReady(try #require(harness.scheduler.runtimes[.simulated]?.zygote)))
        harness.fillPools()
        _ = harness.load("a")
        _ = try harness.inspect("a")
        _ = harness.load("b")
        _ = try harness.inspect("b")
        #expect(harness.actions.assignments.isEmpty)
        harness.send(.zygoteReady(try #require(harness.scheduler.runtimes[slow]?.zygote)))
        harness.fillPools()
        #expect(harness.actions.assignments.map(\.model) == ["a"])
        #expect(harness.phase(of: "b") == .placing)
    }

    @Test func whatFitsBesideTheFirstInLineNeedNotWaitForIt() throws {
        let slow = RuntimeName("slow")
        var harness = Harness(
            models: [.named("a", runtime: slow), .named("b")], devices: [.gibibytes(4)], runtimes: [.simulated, slow])
        harness.send(.tick)
        harness.send(.zygoteReady(try #require(harness.scheduler.runtimes[.simulated]?.zygote)))
        harness.fillPools()
        _ = harness.load("a")
        _ = try harness.inspect("a")
        _ = harness.load("b")
        _ = try harness.inspect("b")
        #expect(harness.actions.assignments.map(\.model) == ["b"])
    }
}
