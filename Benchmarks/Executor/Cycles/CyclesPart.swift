import BenchmarkSupport

/// Whether anything is left of engines: models are loaded with one worker and with two, asked and unloaded, in random order.
struct CyclesPart {
    struct Result: Codable {
        var cycles = 0
        /// From the wish to load to the first token of the request that follows, by model.
        var firstTokenMs: [String: [Double]] = [:]
        var inventories: [Inventory] = []
        /// Nil as long as the controller was not ended.
        var leftovers: Leftovers?

        var memory: Drift? { Drift(inventories.map { (Double($0.cycle), Double($0.writtenBytes)) }) }

        func trend(_ value: (Inventory) -> Int) -> Trend? {
            Trend(inventories.map { (Double($0.cycle), Double(value($0))) })
        }

        /// What rises with each leak of its kind.
        static var counts: [(name: String, value: (Inventory) -> Int)] {
            [
                ("processes", \.processes), ("descriptors of the controller", \.controllerDescriptors),
                ("descriptors of all processes", \.descriptors), ("segments in /dev/shm", \.segments),
            ]
        }
    }

    /// Of memory, over the second half of the cycles.
    static let highestGrowth = 0.05
    /// Of any count over all cycles: what leaks once in a few dozen cycles has risen by more. Counts have no caches to fill.
    static let highestRise = 5.0
    /// Stock-taking needs rest, which takes longer than a simulated cycle.
    private static let mostInventories = 200

    let controller: RunningController
    let sharedMemoryBefore: Set<String>
    let cycles: Int

    /// Two models with one worker, of which one has a template, and the one that can be divided with two as well.
    static func models(
        _ small: String, _ divisible: String, arguments: [String] = FairSettings.arguments
    ) -> [ControllerConfig.Model] {
        [
            ("small-1", small, StartTier.warm, 1), ("divisible-1", divisible, .cold, 1),
            ("divisible-2", divisible, .warm, 2),
        ].map { name, folder, rest, size in
            .init(name: name, path: folder, arguments: arguments, rest: rest, executor: .remote(size: size))
        }
    }

    func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result(cycles: cycles)
        try controller.settle()
        let models = controller.models.map(\.name)
        // What is made once is made in the first of each.
        for model in models { _ = try cycle(model) }
        let every = Self.interval(of: cycles)
        for number in 1...cycles {
            guard let model = models.randomElement(using: &generator) else { break }
            let milliseconds = try cycle(model)
            result.firstTokenMs[model, default: []].append(milliseconds)
            guard number.isMultiple(of: every) else { continue }
            try controller.settle()
            let inventory = try Inventory(of: controller, cycle: number, sharedMemoryBefore: sharedMemoryBefore)
            result.inventories.append(inventory)
            Commentary.say(
                "cycle \(number), \(model): \(Commentary.milliseconds(milliseconds)), "
                    + "\(inventory.writtenBytes / 1_000_000) MB, \(inventory.descriptors) descriptors")
        }
        return result
    }

    /// After how many cycles stock is taken again.
    static func interval(of cycles: Int) -> Int { (cycles + mostInventories - 1) / mostInventories }

    /// - Returns: milliseconds from the wish to load to the first token.
    private func cycle(_ model: String) throws -> Double {
        let start = Instant.now
        try controller.management.load(model)
        let exchange = try controller.ask(model)
        let milliseconds = exchange.start.milliseconds(since: start) + (try exchange.firstTokenMilliseconds)
        try controller.management.unload(model)
        return milliseconds
    }
}
