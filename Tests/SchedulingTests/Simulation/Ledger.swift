import Scheduling

/// What was asked of the scheduler, and what became of it: exactly one outcome for each.
struct Ledger {
    enum Request: Equatable {
        case sent
        case waiting
        /// Admitted, but no permit was left: on its way back.
        case returning
        case settled(String)
    }

    struct RequestRecord {
        let model: String
        let bytes: Int
        let since: Moment
        var state = Request.sent
        var clientLeft = false
    }

    private(set) var requests: [RequestID: RequestRecord] = [:]
    private(set) var openCommands: Set<CommandID> = []
    private var commandCount: UInt64 = 0
    /// Two answers, or one for something that was never asked.
    private(set) var mistake: String?

    var waitingCount: Int { requests.values.count { $0.state == .waiting } }
    var unsettled: [RequestID] {
        requests.filter { if case .settled = $0.value.state { false } else { true } }
            .keys.sorted { $0.number < $1.number }
    }

    mutating func newRequest(model: String, bytes: Int, at now: Moment) -> RequestID {
        let id = RequestID(UInt64(requests.count + 1))
        requests[id] = RequestRecord(model: model, bytes: bytes, since: now)
        return id
    }

    mutating func newCommand() -> CommandID {
        commandCount += 1
        openCommands.insert(CommandID(commandCount))
        return CommandID(commandCount)
    }

    mutating func arrived(_ id: RequestID) { requests[id]?.state = .waiting }

    mutating func settle(_ id: RequestID, as outcome: String) {
        guard let request = requests[id], request.state == .waiting else {
            mistake = "\(id) is \(outcome), but it was \(requests[id].map { "\($0.state)" } ?? "never asked")"
            return
        }
        requests[id]?.state = .settled(outcome)
    }

    /// It was settled as admitted, and found no permit.
    mutating func noPermit(_ id: RequestID) { requests[id]?.state = .returning }

    /// Its client left. A request that is on its way back is dropped there.
    mutating func withdrawn(_ id: RequestID) {
        requests[id]?.clientLeft = true
        if requests[id]?.state == .waiting { requests[id]?.state = .settled("withdrawn") }
    }

    /// Whether a returning request still has a client, and so waits again.
    mutating func cameBack(_ id: RequestID) -> Bool {
        let isWanted = requests[id]?.clientLeft == false
        requests[id]?.state = isWanted ? .waiting : .settled("withdrawn")
        return isWanted
    }

    mutating func complete(_ command: CommandID) {
        if openCommands.remove(command) == nil { mistake = "command \(command.number) was completed twice" }
    }
}
