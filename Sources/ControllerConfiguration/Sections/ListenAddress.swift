import Foundation

/// Where the server listens.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// `localhost`, or a loopback address without brackets.
    public var host: String
    /// 0: any free port.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// As in the file: `127.0.0.1:8000`, `[::1]:8000`.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ListenAddress {
    init?(_ reader: NodeReader) {
        guard let text = reader.text() else { return nil }
        guard let address = ListenAddress(text) else {
            reader.refuse(expected: "an address and a port (0 to 65535) as in 127.0.0.1:8000 or \"[::1]:8000\"")
            return nil
        }
        guard address.isLoopback else {
            reader.refuse(.openListen)
            return nil
        }
        self = address
    }

    private init?(_ text: String) {
        guard let match = text.wholeMatch(of: /(?:\[([^\[\]]+)\]|([^:\[\]\s]+)):([0-9]{1,5})/),
            let host = match.1 ?? match.2, let port = Int(match.3), port <= 65_535
        else { return nil }
        self.init(host: String(host), port: port)
    }

    private var isLoopback: Bool {
        if host.lowercased() == "localhost" { return true }
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        var six = in6_addr()
        guard inet_pton(AF_INET6, host, &six) == 1 else { return false }
        return withUnsafeBytes(of: six) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
    }
}
