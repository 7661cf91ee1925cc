/// Which devices models may be placed on.
public enum DeviceSelection: Sendable, Equatable {
    /// What the machine has.
    case auto
    /// These, in the file's order; never empty.
    case list([DeviceConfiguration])
}

/// One device that the file names.
public struct DeviceConfiguration: Sendable, Equatable {
    /// `cpu:N` or `cuda:N`.
    public var id: String
    /// Processors for its workers, ascending, none twice; nil: all that the controller may use.
    public var cores: [Int]?
    /// Bytes that models may take on it; nil: as for `auto`.
    public var memory: Int?

    enum Key: String, CaseIterable {
        case id, cores, memory
    }

    init?(_ reader: NodeReader) {
        guard let section = reader.section(Key.self) else { return nil }
        cores = section[.cores].flatMap { CoreList.read($0) }
        memory = section[.memory]?.size()
        guard let idReader = section[.id] else {
            reader.refuse("\(reader.setting) has no id", "add 'id: \"cpu:0\"' or 'id: \"cuda:0\"'")
            return nil
        }
        guard let id = idReader.text() else { return nil }
        guard id.wholeMatch(of: /(cpu|cuda):(0|[1-9][0-9]{0,3})/) != nil else {
            idReader.refuse(expected: "cpu:N or cuda:N as in \"cpu:0\"")
            return nil
        }
        self.id = id
    }
}

extension DeviceSelection {
    init(_ reader: NodeReader?) {
        self = .auto
        guard let reader, reader.plainText != "auto" else { return }
        guard reader.node.sequence != nil, let elements = reader.list(of: "devices") else {
            reader.refuse(expected: "auto, or a list as in [{id: \"cpu:0\", cores: \"0-3\", memory: 8GiB}]")
            return
        }
        var devices: [(device: DeviceConfiguration, reader: NodeReader)] = []
        for element in elements {
            guard let device = DeviceConfiguration(element) else { continue }
            for other in devices { element.refuseClash(of: device, with: other.device, at: other.reader.line) }
            devices.append((device, element))
        }
        if elements.isEmpty {
            reader.refuse("devices is an empty list: no model could be placed", "write auto, or name a device")
        }
        self = .list(devices.map(\.device))
    }
}

extension NodeReader {
    fileprivate func refuseClash(of device: DeviceConfiguration, with other: DeviceConfiguration, at line: Int?) {
        let place = line.map { " on line \($0)" } ?? ""
        if device.id == other.id {
            refuse("the device \(device.id) is given twice, first\(place)", "keep one of them")
        }
        let shared = Set(device.cores ?? []).intersection(other.cores ?? []).sorted()
        if let core = shared.first {
            refuse(
                "\(device.id) shares core \(core) with \(other.id)\(place)", "give every core to one device only")
        }
    }
}
