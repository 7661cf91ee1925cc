import Scheduling
import Testing

// Engines with leased workers.

extension Harness {
    static func cuda(_ number: Int) -> DeviceID { DeviceID("cuda:\(number)") }

    /// Of devices that take one rank each, with so many GiB.
    init(models: [ModelSpecification], cuda gibibytes: [Int], limits: SchedulingLimits = .roomy) {
        let devices = gibibytes.enumerated().map { DeviceSpecification.gibibytes($1, id: "cuda:\($0)") }
        self.init(models: models, devices: devices, limits: limits)
        boot()
        fillWorkers()
    }

    /// Every worker that was forked says hello.
    mutating func fillWorkers() {
        for worker in processes(.worker, .starting) {
            send(.lease(.idle(worker, privateBytes: 100, reset: .replace)))
        }
    }

    /// All that was asked to end does, and what is forked in its place comes up.
    mutating func settle() {
        endProcesses()
        fillPools()
        fillWorkers()
    }

    /// Every leased worker says that it knows.
    mutating func acceptLeases() {
        for executor in scheduler.pool.executors.values {
            for worker in executor.lease.workers { send(.lease(.accepted(worker, executor.lease.generation))) }
        }
    }

    mutating func startGroup(_ model: String) throws -> EngineID {
        let engine = try start(model)
        acceptLeases()
        fillWorkers()
        return engine
    }

    /// The engine's core gets the workers that are leased to it.
    mutating func grantWorkers(to engine: EngineID) throws -> Lease {
        let record = try #require(scheduler.engines[engine])
        let lease = try #require(scheduler.pool.executors[engine]?.lease)
        acceptLeases()
        send(.lease(.registered(.number(1), engine, record.generation, process: record.core)))
        let decided = send(.lease(.asked(.of(1), worldSize: record.worldSize)))
        #expect(decided.contains(.lease(.answer(.of(1), .granted(lease)))))
        return lease
    }

    /// The engine has had its one request, and gives its workers back.
    mutating func park(_ engine: EngineID, of model: String, holding lease: Lease) throws {
        send(.park(newCommand(), engine: model))
        send(.permitReleased(engine))
        send(.lease(.released(.of(1, 2), engine, lease.generation)))
        send(.suspended(engine, try generation(of: engine)))
        settle()
    }

    func ranks(of model: String) -> [String]? {
        engine(of: model).flatMap { scheduler.engines[$0] }?.place?.ranks.map(\.description)
    }

    /// In GiB, of each device.
    var used: [Double] {
        scheduler.devices.map { Double(scheduler.usedBytes($0.id)) / Double(1 << 30) }
    }
}

extension ModelSpecification {
    /// With weights of no size, each of its ranks takes exactly so many GiB of a device that takes one rank.
    static func group(
        _ name: String, ranks: Int = 2, gibibytes: Int = 3, hasTemplate: Bool = false
    ) -> ModelSpecification {
        ModelSpecification(
            name: name, runtime: .simulated, concurrency: 4, startTimeout: .seconds(90),
            kvCacheBytes: gibibytes << 30 - 512 << 20, hasTemplate: hasTemplate, tensorParallelSize: ranks)
    }
}
