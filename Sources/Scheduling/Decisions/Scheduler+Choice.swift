// Which devices an engine gets, of those that it could have.

extension Scheduler {
    /// What one device gives an engine: all of it, or a rank's share where the ranks are on several.
    struct Option: Sendable {
        let device: DeviceSpecification
        let footprint: Int
        let kvCacheBytes: Int
        /// The template to start from; nil: generic processes.
        let template: ProcessID?
        let isLoaded: Bool
        /// What the engine itself has there already: a parked one has its front end and core.
        let heldBytes: Int
        /// What the model's own template holds there.
        let ownBytes: Int
        /// What neither waiting nor evicting can free.
        let pinnedBytes: Int
        /// The footprint without any template's help.
        let fullFootprint: Int

        private var capacity: Int { device.memoryBytes - pinnedBytes }
        /// Only without the model's own template is there ever room.
        var costsTemplate: Bool { capacity < heldBytes + footprint + ownBytes }
        var isPossible: Bool { !costsTemplate || capacity >= fullFootprint }
        /// The least that makes it possible.
        var neededBytes: Int { min(fullFootprint, heldBytes + footprint + (isLoaded ? ownBytes : 0)) }
    }

    /// One way to start an engine: where, and from what.
    struct Choice: Sendable {
        let place: Place
        /// Of the place's first device, where the front end and the core are.
        let first: Option
        let others: [Option]

        var options: [Option] { [first] + others }
        var footprint: Int { options.reduce(0) { $0 + $1.footprint } }
        var fullFootprint: Int { options.reduce(0) { $0 + $1.fullFootprint } }
    }

    /// How many ranks an engine can have that has one there: on a CPU they split the cores, other devices take one each.
    func mostRanks(on device: DeviceSpecification) -> Int {
        device.isCPU ? max(device.cores.count, 1) : devices.count { $0.kind == device.kind }
    }

    /// How many devices an engine is on that has a rank there.
    func parts(of ranks: Int, on device: DeviceSpecification) -> Int { device.isCPU ? 1 : max(1, ranks) }

    /// The first device that takes all ranks, or the best ones of a kind where each takes one.
    /// - Parameters:
    ///   - cost: of devices that take one rank each those that cost least are the best.
    ///   - free: and among these the one that has the model's template, and then those that have most.
    func choice(
        for engine: EngineRecord, among options: [Option], cost: (Option) -> Int = { _ in 0 }, free: (Option) -> Int
    ) -> Choice? {
        if engine.isParked { return choiceToReturn(engine, options) }
        let ranks = max(1, engine.worldSize)
        for option in options {
            if parts(of: ranks, on: option.device) == 1 {
                let place = Place(ranks: Array(repeating: option.device.id, count: ranks))
                return Choice(place: place, first: option, others: [])
            }
            let peers = options.filter { $0.device.kind == option.device.kind }
            guard peers.count >= ranks else { continue }
            let order = peers.enumerated().map { number, peer in
                (peer, key: (cost(peer), peer.template == nil ? 1 : 0, -free(peer), number))
            }
            let best = order.sorted { $0.key < $1.key }.prefix(ranks).map(\.0)
            return Self.choice(of: best.filter { $0.template != nil } + best.filter { $0.template == nil })
        }
        return nil
    }

    func isPlace(for engine: EngineRecord, among options: [Option]) -> Bool {
        choice(for: engine, among: options, free: { _ in 0 }) != nil
    }

    /// A parked engine stays where its core is, and so do its other ranks.
    private func choiceToReturn(_ engine: EngineRecord, _ options: [Option]) -> Choice? {
        guard let place = engine.place else { return nil }
        let own = place.devices.compactMap { id in options.first { $0.device.id == id } }
        guard let first = own.first, own.count == place.devices.count else { return nil }
        return Choice(place: place, first: first, others: Array(own.dropFirst()))
    }

    private static func choice(of options: [Option]) -> Choice? {
        guard let first = options.first else { return nil }
        return Choice(
            place: Place(ranks: options.map(\.device.id)), first: first, others: Array(options.dropFirst()))
    }
}
