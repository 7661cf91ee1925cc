import Scheduling

/// A worker as the API shows it: the origin's fields, and beside them those of `WorkerStatus`.
struct WorkerAnswer: Encodable {
    let worker: WorkerStatus
    let rank: Int
    /// The process id of the front end of the engine that it belongs to.
    let frontEndPid: Int?

    enum CodingKeys: String, CodingKey {
        case rank, status
        case assignedTo = "assigned_to"
        case frontEndPid = "front_end_pid"
    }

    func encode(to encoder: any Encoder) throws {
        try worker.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(rank, forKey: .rank)
        try container.encode(worker.engine == nil ? "free" : "assigned", forKey: .status)
        // The origin has always this key: `null` for a free worker.
        try container.encode(worker.engine, forKey: .assignedTo)
        try container.encodeIfPresent(frontEndPid, forKey: .frontEndPid)
    }
}

struct WorkerListAnswer: Encodable {
    let workers: [WorkerAnswer]
    /// Processes too, but no workers: they have no device.
    let frontEnds: [WorkerStatus]
    /// What workers and front ends of their models are forked from.
    let templates: [WorkerStatus]

    init(_ status: ControllerStatus, slots: [String: Int]) {
        self.frontEnds = status.workers.filter { $0.role == .frontEnd }
        templates = status.workers.filter { $0.role == .template }
        let frontEnds = Dictionary(status.engines.map { ($0.id, $0.frontEndPid) }) { first, _ in first }
        workers = status.workers.compactMap { worker in
            slots[worker.id].map { rank in
                WorkerAnswer(
                    worker: worker, rank: rank, frontEndPid: worker.engine.flatMap { frontEnds[$0].flatMap { $0 } })
            }
        }.sorted { $0.rank < $1.rank }
    }

    enum CodingKeys: String, CodingKey {
        case workers, templates
        case count = "num_workers"
        case frontEnds = "front_ends"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(workers.count, forKey: .count)
        try container.encode(workers, forKey: .workers)
        try container.encode(frontEnds, forKey: .frontEnds)
        try container.encode(templates, forKey: .templates)
    }
}
