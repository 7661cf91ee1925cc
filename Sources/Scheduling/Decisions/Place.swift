/// Where an engine is: the device of each of its ranks. They are all on one CPU, whose cores they split, or each has a
/// device of its own.
public struct Place: Sendable, Equatable {
    /// Of rank 0, 1 and so on. The first one is also that of the engine's front end and core.
    public let ranks: [DeviceID]
    /// Each device once, in the order of the ranks.
    public let devices: [DeviceID]

    public init(ranks: [DeviceID]) {
        self.ranks = ranks
        devices = ranks.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    public func contains(_ device: DeviceID) -> Bool { devices.contains(device) }

    func ranks(on device: DeviceID) -> Int { ranks.count { $0 == device } }

    /// What each device gives of something that its ranks have equal parts of.
    public func share(of bytes: Int) -> Int {
        let count = max(devices.count, 1)
        return (bytes + count - 1) / count
    }
}
