import Scheduling

// Models that come and go.

extension SimulatedWorld {
    /// Of few names, so that they are often taken, or about to be free.
    mutating func makeOrRemove() {
        let made = scheduler.models.values.filter(\.isCreated).map(\.specification.name).sorted()
        if random.chance(45), let model = random.chance(90) ? random.pick(made) : anyName() {
            return plan(.remove(ledger.newCommand(), model: model), after: .zero)
        }
        let name = random.chance(90) ? "made-\(random.number(0...2))" : anyName()
        if weights[name] == nil {
            weights[name] = random.number(0...4_000) << 20
            versions[name] = 1
        }
        let runtimes = scheduler.runtimes.keys.sorted { $0.description < $1.description }
        guard let runtime = random.pick(runtimes) else { return }
        let model = ModelSpecification(
            name: name, aliases: random.chance(50) ? ["folder-\(random.number(0...1))"] : [], runtime: runtime,
            concurrency: random.number(1...3), startTimeout: .seconds(random.number(20...60)),
            isPinned: random.chance(10), kvCacheBytes: random.chance(50) ? 256 << 20 : nil,
            idleTimeout: random.chance(25) ? .seconds(random.number(1...40)) : nil, hasTemplate: random.chance(70))
        if scheduler.refusal(of: model) == nil { count("made") }
        plan(.create(ledger.newCommand(), model, isAwaited: random.chance(70)), after: .zero)
    }

    /// When nothing is left to happen: whatever was to go is gone.
    mutating func checkCatalogAtRest() {
        for (name, model) in scheduler.models where model.isBeingRemoved { fail("'\(name)' is being removed for ever") }
    }
}
