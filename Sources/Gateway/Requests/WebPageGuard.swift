import NIOHTTP1
import Scheduling

/// Keeps web pages out while no key does. A page from anywhere can make its visitor's browser send requests to loopback;
/// but the browser says in `Origin` whose page it is, and in `Host` under which name it found us (which a page can bend
/// to our address by DNS, so the name must be one that cannot be bent).
enum WebPageGuard {
    /// - Throws: the refusal, unless the request was sent to this machine's loopback by a program or by our own page.
    static func check(_ headers: HTTPHeaders) throws(ErrorResponse) {
        let hosts = headers["host"]
        guard hosts.count == 1, let host = Authority(hosts[0]), host.isLoopback else {
            throw ErrorResponse(
                .forbidden,
                """
                The request must have exactly one Host header, and it must be localhost, 127.0.0.1 or [::1]: without \
                keys only this machine is served. Use http://127.0.0.1 with the server's port as the address.
                """)
        }
        let origins = headers["origin"]
        if origins.isEmpty { return }
        guard origins.count == 1, let own = Authority(origin: origins[0]), own == host else {
            throw ErrorResponse(
                .forbidden,
                """
                The request comes from a web page of another origin, and without keys no web page may use this server. \
                Send it from a program, without an Origin header.
                """)
        }
    }
}

/// A host with a port, as in `Host` and in an origin.
private struct Authority: Equatable {
    let host: String
    let port: Int

    /// Nil for what is none.
    init?(_ text: some StringProtocol) {
        let lowered = text.lowercased()
        // The colons inside of [::1] are not the port's.
        let hostEnd = lowered.lastIndex(of: "]").map(lowered.index(after:)) ?? lowered.firstIndex(of: ":")
        host = String(lowered[..<(hostEnd ?? lowered.endIndex)])
        let rest = hostEnd.map { lowered[$0...] } ?? ""
        if rest.isEmpty {
            port = 80
        } else {
            guard rest.first == ":", let number = decimal(rest.dropFirst()), number <= 65_535 else { return nil }
            port = number
        }
    }

    init?(origin: String) {
        let scheme = "http://"
        guard origin.lowercased().hasPrefix(scheme) else { return nil }
        self.init(origin.dropFirst(scheme.count))
    }

    var isLoopback: Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in decimal(part).map { $0 <= 255 } ?? false }
    }
}

/// One to five decimal digits, and nothing else: `Int` would take a sign as well.
private func decimal(_ text: Substring) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return Int(text)
}
