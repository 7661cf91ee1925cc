import Scheduling

// The models, devices and limits of the scenarios.

extension RuntimeName {
    static let simulated = RuntimeName("simulated")
}

extension ModelSpecification {
    /// With weights of no size, its footprint is exactly so many GiB.
    static func named(
        _ name: String, gibibytes: Int = 2, aliases: [String] = [], runtime: RuntimeName = .simulated,
        concurrency: Int = 4, replicas: Int = 1, isPinned: Bool = false, idleTimeout: Duration? = nil,
        hasTemplate: Bool = false
    ) -> ModelSpecification {
        ModelSpecification(
            name: name, aliases: aliases, runtime: runtime, concurrency: concurrency, replicas: replicas,
            startTimeout: .seconds(90), isPinned: isPinned, kvCacheBytes: gibibytes << 30 - 512 << 20,
            idleTimeout: idleTimeout, hasTemplate: hasTemplate)
    }
}

extension ModelInspection {
    /// Of files that never change, unless the test says so.
    static func weighing(_ bytes: Int, fingerprint: String = "first") -> ModelInspection {
        ModelInspection(weightBytes: bytes, fingerprint: fingerprint)
    }
}

extension DeviceSpecification {
    static func gibibytes(_ size: Int, id: String = "cpu:0") -> DeviceSpecification {
        DeviceSpecification(id: DeviceID(id), memoryBytes: size << 30, cores: [0, 1])
    }
}

extension SchedulingLimits {
    static let roomy = SchedulingLimits.with()

    static func with(
        queue: Int = 100, queueBytes: Int = 1_000_000, queueTimeout: Duration = .seconds(120),
        minimumResidency: Duration = .seconds(10), idleWorkers: Int = 1
    ) -> SchedulingLimits {
        SchedulingLimits(
            queue: queue, queueBytes: queueBytes, queueTimeout: queueTimeout, minimumResidency: minimumResidency,
            idleWorkers: idleWorkers)
    }
}
