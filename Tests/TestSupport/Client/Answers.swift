// The management API's answers, as far as tests look at them.

public struct ModelState: Decodable, Sendable {
    public let name: String
    public let aliases: [String]
    public let tier: String
    public let engines: [String]
    public let waiting: Int
    public let lastError: String?
    public let footprintBytes: Int?
    public let template: TemplateState?

    /// The template, if it can be started from.
    public var readyTemplate: TemplateState? { template.flatMap { $0.state == "ready" ? $0 : nil } }
}

public struct TemplateState: Decodable, Sendable {
    public let state: String
    public let pid: Int?
    public let hasWeights: Bool
    public let footprintBytes: Int?
    public let stages: [StageState]
    public let lastError: String?
}

public struct StageState: Decodable, Sendable {
    public let stage: String
    public let ms: Double
}

public struct EngineState: Decodable, Sendable {
    public let id: String
    public let model: String
    public let state: String
    public let device: String?
    public let devices: [String]
    public let pid: Int?
    public let frontEndPid: Int?
    public let inFlight: Int
    public let stages: [StageState]
    public let startMs: Double?
    public let startTier: String?
    /// Ids of its leased workers, in the order of their ranks.
    public let workers: [String]
    public let isExternal: Bool
    public let apiUrl: String
    public let port: Int
    public let engineUuid: String
    public let status: String
    public let reason: String?
    public let assignedRanks: [Int]
    /// Of a new one only.
    public let createTimings: [String: Double]?
    public let warnings: [String]?

    /// Its two processes, where it has them.
    public var pids: [Int] { [pid, frontEndPid].compactMap(\.self) }
}

public struct WorkerState: Decodable, Sendable {
    public let id: String
    public let role: String
    public let pid: Int?
    public let state: String
    public let engine: String?
    public let frontEndPid: Int?
    public let privateBytes: Int?
    public let rank: Int
    /// Whose template it was forked from.
    public let model: String?
    public let device: String
    /// Of one that is leased to engines: its place in the pool, and how often it was leased.
    public let slot: Int?
    public let timesUsed: Int?
}

/// A process that others of its model are forked from.
public struct TemplateWorkerState: Decodable, Sendable {
    public let id: String
    public let role: String
    public let pid: Int?
    public let state: String
    public let model: String?
}

public struct RuntimeState: Decodable, Sendable {
    public let name: String
    public let state: String
    public let pid: Int?
    public let lastError: String?
}

public struct DeviceState: Decodable, Sendable {
    public let id: String
    public let memoryBytes: Int
    public let usedBytes: Int
    public let cores: [Int]
}

public struct HealthState: Decodable, Sendable {
    public let status: String
    public let reasons: [String]?
}

public struct UnloadState: Decodable, Sendable {
    public let model: String
    public let engines: [String]
    public let freedBytes: Int
}

public struct DeletedState: Decodable, Sendable {
    public let message: String
    public let releasedRanks: [Int]
}

public struct ListedModel: Decodable, Sendable {
    public let id: String
    public let root: String
    public let tier: String
}

struct ModelList: Decodable { let models: [ModelState] }
struct EngineList: Decodable { let engines: [EngineState] }
struct WorkerList: Decodable {
    let workers: [WorkerState]
    let templates: [TemplateWorkerState]
}
struct RuntimeList: Decodable { let runtimes: [RuntimeState] }
struct DeviceList: Decodable { let devices: [DeviceState] }
struct ListedModels: Decodable { let data: [ListedModel] }
