import Foundation

/// Makes paths absolute, starting at the folder of the configuration file.
struct PathResolver {
    let folder: String

    init(folder: String) {
        self.folder = folder
    }

    /// - Parameter file: absolute path of the configuration file.
    init(file: String) {
        folder = String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)])
    }

    /// `..` is left in: with a symbolic link before it, only the kernel knows what it means.
    func absolute(_ path: String) -> String {
        let expanded = path.hasPrefix("~") ? NSString(string: path).expandingTildeInPath : path
        let full = expanded.hasPrefix("/") ? expanded : folder + "/" + expanded
        return "/" + full.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: absolute(path))
    }
}
