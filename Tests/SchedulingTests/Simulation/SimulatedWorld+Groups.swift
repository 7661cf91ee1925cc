import Scheduling

// Engines over several devices.

extension SimulatedWorld {
    mutating func checkGroup(_ action: SchedulerAction) {
        switch action {
        case .assign(let assignment):
            checkPlace(of: assignment.engine)
            for member in [assignment.frontEnd, assignment.core]
            where scheduler.processes[member]?.device != assignment.device {
                fail("\(member) is not on the first device of \(assignment.engine)")
            }
            if isGroup(assignment.engine) { count("start of a group") }
        case .unpark(let engine):
            checkPlace(of: engine)
            if isGroup(engine) { count("a group gets workers again") }
        case .evict(let engine): if isGroup(engine) { count("eviction of a group") }
        default: break
        }
    }

    /// Every rank has a worker, and a device that takes one rank has one.
    private mutating func checkPlace(of id: EngineID) {
        guard let engine = scheduler.engines[id], engine.worldSize > 0 else { return }
        let devices = engine.workers.compactMap { scheduler.processes[$0]?.device }
        if devices.count != engine.worldSize { fail("\(id) has workers on \(devices), and \(engine.worldSize) ranks") }
        for device in scheduler.devices {
            let ranks = devices.count { $0 == device.id }
            if ranks > (device.isCPU ? device.cores.count : 1) { fail("\(id) has \(ranks) ranks on \(device.id)") }
        }
        if Set(devices.map { $0.description.prefix { $0 != ":" } }).count > 1 { fail("\(id) is on \(devices)") }
    }

    func isGroup(_ id: EngineID) -> Bool { (scheduler.engines[id]?.place?.devices.count ?? 0) > 1 }

    /// What the actions of one event have in common.
    mutating func countGroups(in actions: [SchedulerAction]) {
        let evicted = actions.compactMap { if case .evict(let engine) = $0 { scheduler.engines[engine] } else { nil } }
        if Set(evicted.flatMap { $0.place?.devices ?? [] }).count > 1, evicted.count > 1 {
            count("eviction on several devices")
        }
    }
}
