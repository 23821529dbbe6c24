// A Worker on the route www.example.nl/askfirst/v1/*. It passes requests on to the records server, which runs elsewhere with
// a certificate of its own (--tls-cert); the visitor's browser sees the site alone, and so does its cookie.
const RECORDS = 'records.example.nl';

export default {
  async fetch(request) {
    const url = new URL(request.url);
    url.hostname = RECORDS;
    const onward = new Request(url, request);
    // The site's own cookies are none of the records server's business.
    onward.headers.delete('cookie');
    const answer = await fetch(onward, { cf: { cacheTtl: 0 }, redirect: 'manual' });
    return new Response(answer.body, answer);
  },
};
