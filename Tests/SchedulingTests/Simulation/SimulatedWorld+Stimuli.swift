import Scheduling

// What happens to the scheduler from outside: clients, commands, faults.

extension SimulatedWorld {
    mutating func stimulate() {
        guard stimuliLeft > 0 else {
            isCalm = true
            // Some worlds come to rest before they are shut down.
            if random.chance(50) { plan(.shutdown, after: .zero) }
            return
        }
        stimuliLeft -= 1
        // Things that happen together stand in line together.
        for _ in 0..<random.number(1...2) { doSomething() }
        agenda.plan(.stimulus, at: now + pause())
    }

    private mutating func doSomething() {
        switch random.number(1...100) {
        case ...34: for _ in 0..<random.number(1...3) { sendRequest() }
        case ...37: leave()
        case ...39: doAsUser()
        case 40: plan(.park(ledger.newCommand(), engine: anyName()), after: .zero)
        case ...50: sendHotRequest()
        case ...56: plan(.load(ledger.newCommand(), model: anyName()), after: .zero)
        case ...62: plan(.unload(ledger.newCommand(), model: anyName()), after: .zero)
        case ...72: plan(.sleep(ledger.newCommand(), model: anyName()), after: .zero)
        case ...78: plan(.wake(ledger.newCommand(), model: anyName()), after: .zero)
        case ...81: if let model = random.pick(versions.keys.sorted()) { versions[model, default: 0] += 1 }
        case ...84: killProcess(where: { $0.role == .template })
        case ...86: killProcess(where: { $0.engine != nil })
        case 87: killProcess(where: { $0.role == .worker })
        case ...89: killProcess(where: { $0.role == .zygote })
        case ...91: killProcess(where: { _ in true })
        case ...93: makeOrRemove()
        case ...98: if let event = random.pick(Array(repeatable.suffix(60))) { plan(event, after: .zero) }
        case 99: if random.chance(30) { plan(.shutdown, after: .zero) }
        default: plan(.tick, after: .zero)
        }
    }

    private mutating func pause() -> Duration {
        switch random.number(1...100) {
        case ...70: random.milliseconds(0...300)
        case ...92: random.milliseconds(300...5000)
        case ...99: random.milliseconds(5000...30_000)
        default: .seconds(150)
        }
    }

    /// Of a model mostly; sometimes of nothing.
    mutating func anyName() -> String {
        let names = scheduler.models.keys.sorted()
        switch random.number(1...20) {
        case 1: return "nobody"
        case 2: return "alias-\(random.number(0...4))"
        case 3: return random.pick(engines.keys.map(\.description).sorted()) ?? "e-1"
        default: return random.pick(names) ?? "nobody"
        }
    }

    private mutating func sendRequest() {
        let model = anyName()
        let bytes = random.number(1...900)
        plan(.request(ledger.newRequest(model: model, bytes: bytes, at: now), model: model, bytes: bytes), after: .zero)
    }

    private mutating func leave() {
        guard let request = random.pick(ledger.unsettled) else { return }
        plan(.withdraw(request), after: random.milliseconds(0...3))
    }

    /// It goes by the routes and does not visit the scheduler.
    private mutating func sendHotRequest() {
        guard let engine = random.pick(routes.map(\.description).sorted()) else { return }
        _ = take(EngineID(engine))
    }

    private mutating func killProcess(where isWanted: (Process) -> Bool) {
        let alive = processes.filter { !$0.value.isDying && isWanted($0.value) }.keys.map(\.description).sorted()
        guard let victim = random.pick(alive) else { return }
        die(ProcessID(victim), after: random.milliseconds(0...20))
    }
}
