import Scheduling
import Testing

/// Engines whose ranks have a device each.
@Suite struct GroupPlacementTests {
    @Test func aGroupGetsTheDevicesWithMostFreeMemory() throws {
        var harness = Harness(models: [.group("g")], cuda: [4, 8, 6, 8])
        let engine = try harness.startGroup("g")
        #expect(harness.ranks(of: "g") == ["cuda:1", "cuda:3"])
        #expect(harness.used == [0, 3, 0, 3])
        let assignment = try #require(harness.actions.assignments.first)
        #expect(assignment.device == Harness.cuda(1))
        for process in [assignment.frontEnd, assignment.core] {
            #expect(harness.scheduler.processes[process]?.device == Harness.cuda(1))
        }
        let workers = try #require(harness.scheduler.engines[engine]?.workers)
        #expect(workers.map { harness.scheduler.pool.workers[$0]?.device } == [Harness.cuda(1), Harness.cuda(3)])
    }

    @Test func weightsAreDividedAndEachRankHasItsOwnKVCache() throws {
        var harness = Harness(models: [.group("g", ranks: 4, gibibytes: 1)], cuda: [4, 4, 4, 4])
        _ = harness.load("g")
        _ = try harness.inspect("g", weightBytes: 4000 << 20)
        // 1000 MiB x 1.1 + a KV cache of 512 MiB + 512 MiB, on each.
        #expect(harness.used.map { Int($0 * 1024) } == [2124, 2124, 2124, 2124])
        #expect(harness.actions.assignments.map(\.kvCacheBytes) == [512 << 20])
    }

    /// All ranks have one size of it, and so it is that which the smallest of them can have.
    @Test func theKVCacheIsThatOfTheSmallestDeviceOfTheLargestGroup() throws {
        let model = ModelSpecification(
            name: "g", runtime: .simulated, concurrency: 1, startTimeout: .seconds(10), tensorParallelSize: 2)
        var harness = Harness(models: [model], cuda: [10, 40, 20])
        _ = harness.load("g")
        _ = try harness.inspect("g")
        #expect(harness.actions.assignments.map(\.kvCacheBytes) == [2 << 30])
        #expect(harness.ranks(of: "g") == ["cuda:1", "cuda:2"])
    }

    @Test func aWorkerIsKeptOnEachDeviceThatAGroupCanGoTo() {
        var harness = Harness(models: [.group("g")], cuda: [4, 8, 8])
        #expect(harness.idleWorkers == ["cuda:0", "cuda:1", "cuda:2"])
        // Of one that can never be, there is none.
        harness = Harness(models: [.group("g", ranks: 4)], cuda: [4, 8, 8])
        #expect(harness.idleWorkers == [])
    }

    @Test func aSingleRankIsPlacedAsEver() throws {
        var harness = Harness(models: [.group("g"), .named("a")], cuda: [8, 8, 8])
        _ = try harness.startGroup("g")
        _ = try harness.start("a")
        #expect(harness.ranks(of: "a") == ["cuda:0"])
        #expect(harness.used == [5, 3, 0])
    }

    @Test func onACPUTheRanksShareTheDevice() throws {
        var harness = Harness(models: [.group("g")], devices: [.gibibytes(8), .gibibytes(8, id: "cuda:0")])
        harness.boot()
        harness.fillWorkers()
        _ = try harness.startGroup("g")
        #expect(harness.ranks(of: "g") == ["cpu:0", "cpu:0"])
        // 512 MiB once, and a KV cache of 2.5 GiB for each.
        #expect(harness.used == [5.5, 0])
    }

    @Test func aTemplatesDeviceComesFirst() throws {
        var harness = Harness(models: [.group("g", hasTemplate: true)], cuda: [4, 8, 8])
        try harness.makeTemplate("g")
        #expect(harness.template(of: "g")?.device == Harness.cuda(0))
        _ = try harness.startGroup("g")
        #expect(harness.ranks(of: "g") == ["cuda:0", "cuda:1"])
        #expect(harness.scheduler.engines.values.map(\.startTier) == [.warm])
    }

    // MARK: Refusals

    @Test func moreRanksThanDevicesAreRefusedWithTheArithmetic() throws {
        var harness = Harness(models: [.group("g", ranks: 4)], cuda: [8, 8])
        let request = harness.request("g")
        _ = try harness.inspect("g")
        let error = try harness.refusal(of: request)
        #expect(error.code == .outOfMemory)
        #expect(
            error.message
                == "'g' needs 4 workers: tensor_parallel_size 4 needs 4 devices that take one rank each; there are 2: "
                + "cuda:0, cuda:1. Give it a smaller tensor_parallel_size.")
    }

    @Test func whatFitsOnTooFewDevicesIsRefusedWithTheSum() throws {
        var harness = Harness(models: [.group("g")], cuda: [8, 2])
        let request = harness.request("g")
        _ = try harness.inspect("g")
        #expect(
            try harness.refusal(of: request).message
                == "'g' does not fit: cuda:0 has 8192 MiB, and 3072 MiB are needed on each of 2 devices (KV cache 2560 "
                + "MiB); cuda:1 has 2048 MiB, and 3072 MiB are needed on each of 2 devices (KV cache 2560 MiB). Give it "
                + "a smaller kv-cache-memory-bytes, or the device more memory.")
        #expect(harness.used == [0, 0])
    }

    // MARK: Users

    @Test func aUsersGroupIsLeasedAndChargedLikeOneOfOurs() throws {
        var harness = Harness(models: [.named("a")], cuda: [4, 8, 8])
        harness.send(.externalAsked(.asking(for: 2, gibibytes: 5), .simulated))
        #expect(harness.used == [0, 0, 0])
        // Workers are forked where it waits for them.
        harness.fillWorkers()
        let engine = try #require(harness.scheduler.engines.values.first)
        #expect(engine.place?.ranks == [Harness.cuda(1), Harness.cuda(2)])
        #expect(harness.used == [0, 2.5, 2.5])
        #expect(harness.idleWorkers == [])
    }

    @Test func aUserIsToldWhatThereIs() throws {
        var harness = Harness(models: [.group("g")], cuda: [4, 8])
        let actions = harness.send(.externalAsked(.asking(for: 3, gibibytes: 3), .simulated))
        let reason = try #require(actions.leaseRefusals.first)
        #expect(
            reason.hasPrefix(
                "3 workers on as many 'cuda' devices, and 1024 MiB on each, are asked for: cuda:0 has 4096 MiB, of"))
        #expect(harness.scheduler.engines.isEmpty)
    }
}

extension Harness {
    /// The device of each.
    fileprivate var idleWorkers: [String] {
        scheduler.pool.workers.values.filter { $0.state == .idle }.map(\.device.description).sorted()
    }
}

extension ExternalRequest {
    fileprivate static func asking(for ranks: Int, gibibytes: Int) -> ExternalRequest {
        ExternalRequest(
            message: .of(9), pid: 77, model: "own", worldSize: ranks, deviceKind: "cuda", footprint: gibibytes << 30,
            patience: .seconds(10), versions: [:])
    }
}

extension Sequence<SchedulerAction> {
    fileprivate var leaseRefusals: [String] {
        compactMap { if case .lease(.answer(_, .refused(let reason))) = $0 { reason } else { nil } }
    }
}
