import Scheduling

struct EngineListing: Decodable {
    let engines: [EngineStatus]
}

struct ModelListing: Decodable {
    let models: [ModelStatus]
}

struct WorkerListing: Decodable {
    let workers: [Worker]
    let templates: [WorkerStatus]

    /// A worker with what the API adds to its status.
    struct Worker: Decodable {
        let status: WorkerStatus
        let rank: Int
        let frontEndPid: Int?

        enum CodingKeys: String, CodingKey {
            case rank
            case frontEndPid = "front_end_pid"
        }

        init(from decoder: any Decoder) throws {
            status = try WorkerStatus(from: decoder)
            let container = try decoder.container(keyedBy: CodingKeys.self)
            rank = try container.decode(Int.self, forKey: .rank)
            frontEndPid = try container.decodeIfPresent(Int.self, forKey: .frontEndPid)
        }
    }
}
