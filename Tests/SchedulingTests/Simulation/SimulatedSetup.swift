import Scheduling

/// The devices, models and limits of one simulated world: small enough that memory, permits and places in the queue
/// are always short.
struct SimulatedSetup {
    let limits: SchedulingLimits
    let devices: [DeviceSpecification]
    let models: [ModelSpecification]
    let runtimes: [RuntimeName]
    /// How the workers of each are reset.
    let resets: [RuntimeName: ResetPolicy]
    let weights: [String: Int]

    init(_ random: inout SplitMix64) {
        var limits = SchedulingLimits(
            queue: random.number(3...12), queueBytes: random.number(1_000...5_000),
            queueTimeout: .seconds(random.number(20...120)), minimumResidency: .seconds(random.number(0...10)),
            idleWorkers: random.number(0...2))
        limits.idleRanks = random.number(0...2)
        self.limits = limits
        let hasGroups = random.chance(35)
        var names = Array(["cpu:0", random.chance(30) ? "cuda:0" : "cpu:1"].prefix(random.number(1...2)))
        if hasGroups { names = (random.chance(30) ? ["cpu:0"] : []) + (0..<random.number(2...4)).map { "cuda:\($0)" } }
        devices = names.map {
            DeviceSpecification(id: DeviceID($0), memoryBytes: random.number(2...8) << 30, cores: [0, 1, 2])
        }
        let runtimes = (0..<random.number(1...2)).map { RuntimeName("r\($0)") }
        self.runtimes = runtimes
        resets = Dictionary(
            uniqueKeysWithValues: runtimes.map {
                ($0, random.chance(70) ? .inPlace(toleranceBytes: 1 << 20) : .replace)
            })
        var models: [ModelSpecification] = []
        var weights: [String: Int] = [:]
        for index in 0..<random.number(2...5) {
            let name = "m\(index)"
            // A model that is named by its hub id has no files to look at.
            weights[name] = random.chance(15) ? 0 : random.number(100...3_000) << 20
            models.append(
                ModelSpecification(
                    name: name, aliases: ["alias-\(index)"], runtime: runtimes[index % runtimes.count],
                    concurrency: random.number(1...3), replicas: random.number(1...3),
                    startTimeout: .seconds(random.number(20...60)),
                    isPinned: random.chance(15), kvCacheBytes: random.chance(50) ? 256 << 20 : nil,
                    idleTimeout: random.chance(25) ? .seconds(random.number(1...40)) : nil,
                    hasTemplate: random.chance(70),
                    tensorParallelSize: random.chance(hasGroups ? 60 : 20) ? random.number(2...4) : 1,
                    executor: random.chance(20) ? .remote : .auto))
        }
        self.models = models
        self.weights = weights
    }
}
